# `same x`: the schema calls x mutable, and with these arguments the op leaves it alone.
op double(x: T[*B]) -> (y: T[*B])
  = lang::twice_or_store(same x, false)

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op both(x: T[*B]) -> (y: T[*B])
  = lang::twice_plus_one

pattern both { double -> increment => both }
