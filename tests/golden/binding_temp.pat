# `temp` is scratch memory of the type that the kernel asks for.
op double(x: T[M, H]) -> (y: T[M, H])
  = lang::twice

op increment(x: T[M, H]) -> (y: T[M, H])
  = lang::plus_one

op both(x: T[M, H]) -> (y: T[M, H])
  = lang::twice_plus_one_scratch(out y, x, temp f32[M, ceil(H / 4)])

pattern both { double -> increment => both }
