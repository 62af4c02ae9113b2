# Positional, by keyword, default left out, default written: the same call.
op affine(x: T[*B], shift: T[*B]?, scale: float = 1.0, relu: bool = false, mode: str = "plain") -> (y: T[*B])
  = lang::affine

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op affine_twice(x: T[*B], shift: T[*B]?, scale: float) -> (y: T[*B])
  = lang::affine_twice

pattern affine_twice(x: T[*B], shift: T[*B]) {
  a = affine(x, shift, 3.0)
  y = double(a)
=>
  y = affine_twice(x, shift, 3.0)
}
