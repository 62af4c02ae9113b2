const limit = 448.0 | 224.0 on gfx942

op affine(x: T[*B], scale: float) -> (y: T[*B])
  = lang::affine_reordered(0.0, x, scale=scale, mode="plain") -> (_, y)

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op clamped(x: T[*B], scale: float, limit: float) -> (y: T[*B])
  = lang::affine_reordered(1.0, x, scale=scale, mode="plain") -> (_, y)

pattern at_the_limit { affine(scale=limit) -> increment => clamped(scale=limit, limit=limit) }
