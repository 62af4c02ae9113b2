# `T` is one dtype for x, the weight and the result; `W` would be another.
op norm(x: T[*B, H], weight: T[H], epsilon: float) -> (y: T[*B, H])
  = patdsl::rms_norm

op quant(x: T[*B, H], group_size: int) -> (q: fp8[*B, H], scale: f32[*B, H / group_size])
  = patdsl::group_quant

op norm_quant(x: T[*B, H], weight: T[H], epsilon: float, group_size: int)
    -> (q: fp8[*B, H], scale: f32[*B, H / group_size])
  = patdsl::rms_norm_group_quant

pattern norm_quant { norm -> quant => norm_quant }
