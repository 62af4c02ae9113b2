# A binding may name a declared op: what that one matches and calls, with the arguments given here.
op affine(x: T[*B], shift: T[*B]?, scale: float = 1.0, relu: bool = false, mode: str = "plain") -> (y: T[*B])
  = lang::affine

op double(x: T[*B]) -> (y: T[*B])
  = affine(x, none, 2.0)
  | lang::twice

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op fast(x: T[*B], scale: float) -> (y: T[*B])
  = affine(x, none, scale, false, "fast")

pattern fast { double -> increment => fast(scale=2.0) }
