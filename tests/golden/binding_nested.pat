# A call of a declared op as an argument: the kernel wants a base, the declaration has none.
op double(x: T[*B]) -> (y: T[*B])
  = lang::twice_plus_base(x, zeros_like(x))

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op both(x: T[*B]) -> (y: T[*B])
  = lang::twice_plus_base_plus_one(x, zeros_like(x))

pattern both { double -> increment => both }
