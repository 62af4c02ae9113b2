# `mut x -> y` is an operand that is written, and its value afterwards.
op add_double(x: T[*B], residual: T[*B]) -> (y: T[*B], total: T[*B])
  = lang::add_twice_(mut x -> y, mut residual -> total)

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op all(x: T[*B], residual: T[*B]) -> (y: T[*B], total: T[*B])
  = lang::add_twice_plus_one_(mut x -> y, mut residual -> total)

pattern all(x: T[*B], residual: T[*B]) {
  d, total = add_double(x, residual)
  y        = increment(d)
=>
  y, total = all(x, residual)
}
