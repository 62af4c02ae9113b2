# `out y` is a buffer whose contents are not read and which is the result afterwards.
op double(x: T[*B]) -> (y: T[*B])
  = lang::twice_out(out y, x)

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op both(x: T[*B]) -> (y: T[*B])
  = lang::twice_plus_one_out(out y, x)

pattern both { double -> increment => both }
