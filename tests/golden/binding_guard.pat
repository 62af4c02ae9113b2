# A binding holds `if` its guard does: on the left it decides what matches, on the right what is called.
op affine(x: T[*B], scale: float, shift: float) -> (y: T[*B])
  = lang::affine_reordered(shift, x, scale=scale, mode="plain") -> (_, y)  if shift == 0.0 or scale > 1.0

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op affine_plus_one(x: T[*B], scale: float, shift: float) -> (y: T[*B])
  = lang::twice_plus_one(x)  if scale == 2.0 and shift == 0.0 and rank(x) == 2
  | lang::affine_reordered(shift + 1.0, x, scale=scale, mode="plain") -> (_, y)

pattern affine_plus_one { affine -> increment => affine_plus_one }
