# Small ops that the other files here import.
op double(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice

op increment(x: T[*B, H]) -> (y: T[*B, H])
  = lang::plus_one

op both(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice_plus_one

op affine(x: T[*B], shift: T[*B]?, scale: float = 1.0, relu: bool = false, mode: str = "plain") -> (y: T[*B])
  = lang::affine

op affine_twice(x: T[*B], shift: T[*B]?, scale: float) -> (y: T[*B])
  = lang::affine_twice

op spread(x: T[*B]) -> (low: T[*B], high: T[*B])
  = lang::spread

op combine(x: T[*B], other: T[*B]) -> (y: T[*B])
  = lang::combine

op double_spread(x: T[*B]) -> (low: T[*B], high: T[*B])
  = lang::double_spread
