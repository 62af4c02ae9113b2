# Parameters stand where the torch op takes them; a literal matches only itself and is passed; `_` is a result that
# nobody names; keywords name the torch op's own arguments.
op affine(x: T[*B], scale: float, shift: float) -> (y: T[*B])
  = lang::affine_reordered(shift, x, scale=scale, mode="plain") -> (_, y)

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op affine_twice(x: T[*B], scale: float, shift: float) -> (y: T[*B])
  = lang::affine_reordered(2 * shift, x, scale=2 * scale, mode="plain") -> (_, y)

pattern affine_twice { affine -> double => affine_twice }
