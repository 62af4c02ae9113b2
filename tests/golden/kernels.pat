# Ops that the other files here import: a norm, a quantisation and their fusion, bound to the reference ops.
op norm(x: T[*B, H], weight: T[H], epsilon: float) -> (y: T[*B, H])
  = patdsl::rms_norm
  ref patdsl.reference:rms_norm

op add_norm(x: T[*B, H], residual: T[*B, H], weight: T[H], epsilon: float)
    -> (y: T[*B, H], residual_out: T[*B, H])
  = patdsl::fused_add_rms_norm
  ref patdsl.reference:fused_add_rms_norm

op quant(x: T[*B, H], group_size: int, col_major: bool = false)
    -> (q: fp8[*B, H], scale: f32[*B, H / group_size])
  = patdsl::group_quant
  ref patdsl.reference:group_quant

op norm_quant(x: T[*B, H], weight: T[H], epsilon: float, group_size: int, col_major: bool = false)
    -> (q: fp8[*B, H], scale: f32[*B, H / group_size])
  = patdsl::rms_norm_group_quant
  ref patdsl.reference:rms_norm_group_quant

op add_norm_quant(x: T[*B, H], residual: T[*B, H], weight: T[H], epsilon: float, group_size: int)
    -> (q: fp8[*B, H], residual_out: T[*B, H], scale: f32[*B, H / group_size])
  = patdsl::add_rms_norm_group_quant
  ref patdsl.reference:add_rms_norm_group_quant

# The kernel takes a matrix.
op matrix_norm_quant(x: T[M, H], weight: T[H], epsilon: float, group_size: int)
    -> (q: fp8[M, H], scale: f32[M, H / group_size])
  = patdsl::rms_norm_group_quant
  ref patdsl.reference:rms_norm_group_quant
