# int, float, bool, str and dtype, each pinned to a literal.
op affine(x: T[*B], shift: T[*B]?, scale: float = 1.0, relu: bool = false, mode: str = "plain") -> (y: T[*B])
  = lang::affine

op repeat(x: T[*B], times: int, to_dtype: dtype) -> (y: to_dtype[*B])
  = lang::repeat

op fixed(x: f32[*B], shift: f32[*B]?) -> (y: f32[*B])
  = lang::fixed

pattern fixed(x: f32[*B], shift: f32[*B]) {
  a = affine(x, shift, 2.0, true, "fast")
  y = repeat(a, 3, f32)
=>
  y = fixed(x, shift)
}
