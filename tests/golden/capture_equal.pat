# The same name twice is the same value.
import lang (affine, combine)

op scaled(x: T[*B], scale: float) -> (y: T[*B])
  = lang::affine_reordered(0.0, x, scale=scale, mode="plain") -> (_, y)

op scaled_twice(x: T[*B], shift: T[*B], scale: float) -> (y: T[*B])
  = lang::scaled_twice

pattern equal {
  a = affine(x, shift, s)
  y = scaled(a, s)
  z = combine(y, shift)
=>
  z = scaled_twice(x, shift, s)
}
