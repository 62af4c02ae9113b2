# `*B` is any number of dims, none included, and the op commutes with every reshape of them.
op double(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice

op increment(x: T[*B, H]) -> (y: T[*B, H])
  = lang::plus_one

op both(x: T[M, H]) -> (y: T[M, H])
  = lang::matrix_twice_plus_one

pattern both { double -> increment => both }
