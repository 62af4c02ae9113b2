# Our own ops that no other library has: results that stay beside the quantised one, and other activations.

op rms_norm_group_quant_keep(x: T[*B, H], weight: T[H], epsilon: float, group_size: int,
    col_major: bool = false)
    -> (q: fp8[*B, H], scale: f32[*B, H / group_size], y: T[*B, H])
  = patdsl::rms_norm_group_quant_keep
  where group_size in {32, 64, 128}
  ref patdsl.reference:rms_norm_group_quant_keep

op add_rms_norm_group_quant_keep(x: T[*B, H], residual: T[*B, H], weight: T[H], epsilon: float,
    group_size: int, col_major: bool = false)
    -> (q: fp8[*B, H], residual_out: T[*B, H], scale: f32[*B, H / group_size], y: T[*B, H])
  = patdsl::add_rms_norm_group_quant_keep
  where group_size in {32, 64, 128}
  ref patdsl.reference:add_rms_norm_group_quant_keep

op rms_norm_static_quant(x: T[*B, H], weight: T[H], scale: f32[*S], epsilon: float) -> (q: fp8[*B, H])
  = patdsl::rms_norm_static_quant
  where numel(scale) == 1
  ref patdsl.reference:rms_norm_static_quant

op add_rms_norm_static_quant(x: T[*B, H], residual: T[*B, H], weight: T[H], scale: f32[*S], epsilon: float)
    -> (q: fp8[*B, H], residual_out: T[*B, H])
  = patdsl::add_rms_norm_static_quant
  where numel(scale) == 1
  ref patdsl.reference:add_rms_norm_static_quant

op silu_mul_static_quant(x: T[*B, 2 * D], scale: f32[*S]) -> (q: fp8[*B, D])
  = patdsl::silu_mul_static_quant
  where numel(scale) == 1
  ref patdsl.reference:silu_mul_static_quant

op silu_mul_token_quant(x: T[*B, 2 * D], quant_dtype: dtype) -> (q: quant_dtype[*B, D], scale: f32[*B, 1])
  = patdsl::silu_mul_token_quant
  ref patdsl.reference:silu_mul_token_quant
