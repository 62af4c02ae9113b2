# Our own ops that no other library has: results that stay beside the quantised one, scales in two layouts, MX scales,
# and other activations. Column-major scales are those of a matrix, so ops that can have them take two dims.

# The norm itself beside it quantised

op rms_norm_static_quant_keep(x: T[*B, H], weight: W[H]?, scale: f32[*S], epsilon: float,
    quant_dtype: dtype = fp8, variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[*B, H], y: T[*B, H])
  = patdsl::rms_norm_static_quant_keep
  where numel(scale) == 1 and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_static_quant_keep

op rms_norm_token_quant_keep(x: T[*B, H], weight: W[H]?, epsilon: float, quant_dtype: dtype,
    variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[*B, H], scale: f32[*B, 1], y: T[*B, H])
  = patdsl::rms_norm_token_quant_keep
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_token_quant_keep

op rms_norm_group_quant_keep(x: T[M, H], weight: W[H]?, epsilon: float, group_size: int,
    col_major: bool = false, ue8m0: bool = false, tma_aligned: bool = false, quant_dtype: dtype = fp8,
    variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[M, H], scale: f32[M, H / group_size], y: T[M, H])
  = patdsl::rms_norm_group_quant_keep
  where group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_group_quant_keep

op rms_norm_mx_quant_keep(x: T[*B, H], weight: W[H]?, epsilon: float, variance_size: int? = none,
    gemma: bool = false)
    -> (q: fp8[*B, H], scale: u8[*B, H / 32], y: T[*B, H])
  = patdsl::rms_norm_mx_quant_keep
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_mx_quant_keep

op add_rms_norm_static_quant_keep(x: T[*B, H], residual: T[*B, H], weight: W[H]?, scale: f32[*S],
    epsilon: float, quant_dtype: dtype = fp8, variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[*B, H], residual_out: T[*B, H], y: T[*B, H])
  = patdsl::add_rms_norm_static_quant_keep
  where numel(scale) == 1 and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_static_quant_keep

op add_rms_norm_token_quant_keep(x: T[*B, H], residual: T[*B, H], weight: W[H]?, epsilon: float,
    quant_dtype: dtype, variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[*B, H], residual_out: T[*B, H], scale: f32[*B, 1], y: T[*B, H])
  = patdsl::add_rms_norm_token_quant_keep
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_token_quant_keep

op add_rms_norm_group_quant_keep(x: T[M, H], residual: T[M, H], weight: W[H]?, epsilon: float,
    group_size: int, col_major: bool = false, ue8m0: bool = false, tma_aligned: bool = false,
    quant_dtype: dtype = fp8, variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[M, H], residual_out: T[M, H], scale: f32[M, H / group_size], y: T[M, H])
  = patdsl::add_rms_norm_group_quant_keep
  where group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_group_quant_keep

op add_rms_norm_mx_quant_keep(x: T[*B, H], residual: T[*B, H], weight: W[H]?, epsilon: float,
    variance_size: int? = none, gemma: bool = false)
    -> (q: fp8[*B, H], residual_out: T[*B, H], scale: u8[*B, H / 32], y: T[*B, H])
  = patdsl::add_rms_norm_mx_quant_keep
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_mx_quant_keep

# One quantisation, its scales row-major and column-major

op rms_norm_group_quant_layouts(x: T[M, H], weight: W[H]?, epsilon: float, group_size: int,
    ue8m0: bool = false, tma_aligned: bool = false, quant_dtype: dtype = fp8, variance_size: int? = none,
    gemma: bool = false)
    -> (q: quant_dtype[M, H], scale: f32[M, H / group_size], scale_t: f32[M, H / group_size])
  = patdsl::rms_norm_group_quant_layouts
  where group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_group_quant_layouts

op add_rms_norm_group_quant_layouts(x: T[M, H], residual: T[M, H], weight: W[H]?, epsilon: float,
    group_size: int, ue8m0: bool = false, tma_aligned: bool = false, quant_dtype: dtype = fp8,
    variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[M, H], residual_out: T[M, H], scale: f32[M, H / group_size],
        scale_t: f32[M, H / group_size])
  = patdsl::add_rms_norm_group_quant_layouts
  where group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_group_quant_layouts

# MX

op rms_norm_mx_quant(x: T[*B, H], weight: W[H]?, epsilon: float, variance_size: int? = none,
    gemma: bool = false)
    -> (q: fp8[*B, H], scale: u8[*B, H / 32])
  = patdsl::rms_norm_mx_quant
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_mx_quant

op add_rms_norm_mx_quant(x: T[*B, H], residual: T[*B, H], weight: W[H]?, epsilon: float,
    variance_size: int? = none, gemma: bool = false)
    -> (q: fp8[*B, H], residual_out: T[*B, H], scale: u8[*B, H / 32])
  = patdsl::add_rms_norm_mx_quant
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_mx_quant

op silu_mul_mx_quant(x: T[*B, 2 * D]) -> (q: fp8[*B, D], scale: u8[*B, D / 32])
  = patdsl::silu_mul_mx_quant
  where T in {bf16, f16}
  ref patdsl.reference:silu_mul_mx_quant

# Activations

op silu_mul_token_quant(x: T[*B, 2 * D], quant_dtype: dtype) -> (q: quant_dtype[*B, D], scale: f32[*B, 1])
  = patdsl::silu_mul_token_quant
  where T in {bf16, f16}
  ref patdsl.reference:silu_mul_token_quant

op gelu_mul_static_quant(x: T[*B, 2 * D], scale: f32[*S], quant_dtype: dtype = fp8) -> (q: quant_dtype[*B, D])
  = patdsl::gelu_mul_static_quant
  where numel(scale) == 1 and T in {bf16, f16}
  ref patdsl.reference:gelu_mul_static_quant

op gelu_mul_token_quant(x: T[*B, 2 * D], quant_dtype: dtype) -> (q: quant_dtype[*B, D], scale: f32[*B, 1])
  = patdsl::gelu_mul_token_quant
  where T in {bf16, f16}
  ref patdsl.reference:gelu_mul_token_quant

op gelu_mul_group_quant(x: T[M, 2 * D], group_size: int, col_major: bool = false, ue8m0: bool = false,
    tma_aligned: bool = false, quant_dtype: dtype = fp8)
    -> (q: quant_dtype[M, D], scale: f32[M, D / group_size])
  = patdsl::gelu_mul_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16}
  ref patdsl.reference:gelu_mul_group_quant

op gelu_mul_mx_quant(x: T[*B, 2 * D]) -> (q: fp8[*B, D], scale: u8[*B, D / 32])
  = patdsl::gelu_mul_mx_quant
  where T in {bf16, f16}
  ref patdsl.reference:gelu_mul_mx_quant

# A norm padded with zeros

op rms_norm_pad(x: T[*B, H], weight: W[H]?, epsilon: float, multiple: int, variance_size: int? = none,
    gemma: bool = false)
    -> (padded: T[*B, ceil(H / multiple) * multiple])
  = patdsl::rms_norm_pad
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_pad
