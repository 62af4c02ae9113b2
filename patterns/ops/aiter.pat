# Fused ops: aiter's where vLLM has them on ROCm, vLLM's own `_C` ops, then ours, which run everywhere.
# aiter's kernels take two dims; so do these declarations. The rewrite merges leading dims where a graph has more.

op rms_norm_group_quant(x: T[M, H], weight: W[H]?, epsilon: float, group_size: int, col_major: bool = false,
    ue8m0: bool = false, tma_aligned: bool = false, quant_dtype: dtype = fp8, variance_size: int? = none,
    gemma: bool = false)
    -> (q: quant_dtype[M, H], scale: f32[M, H / group_size])
  = vllm::rocm_aiter_rmsnorm_fp8_group_quant(x, weight, epsilon, group_size)  on gfx942, gfx950
      if quant_dtype == fp8 and not (col_major or ue8m0 or gemma) and variance_size == none and W == T
  | _C::rms_norm_per_block_quant(out q, x, weight, out scale, epsilon, none, none, group_size, col_major)
      if quant_dtype == fp8 and not (ue8m0 or tma_aligned or gemma) and variance_size == none and W == T
  | patdsl::rms_norm_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_group_quant

op add_rms_norm_group_quant(x: T[M, H], residual: T[M, H], weight: W[H]?, epsilon: float, group_size: int,
    col_major: bool = false, ue8m0: bool = false, tma_aligned: bool = false, quant_dtype: dtype = fp8,
    variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[M, H], residual_out: T[M, H], scale: f32[M, H / group_size])
  = vllm::rocm_aiter_rmsnorm_with_add_fp8_group_quant(x, residual, weight, epsilon, group_size)
      on gfx942, gfx950
      if quant_dtype == fp8 and not (col_major or ue8m0 or gemma) and variance_size == none and W == T
  | _C::rms_norm_per_block_quant(out q, x, weight, out scale, epsilon, none, mut residual -> residual_out,
      group_size, col_major)
      if quant_dtype == fp8 and not (ue8m0 or tma_aligned or gemma) and variance_size == none and W == T
  | patdsl::add_rms_norm_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_group_quant

op rms_norm_token_quant(x: T[M, H], weight: W[H]?, epsilon: float, quant_dtype: dtype,
    variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[M, H], scale: f32[M, 1])
  = vllm::rocm_aiter_rmsnorm_fused_dynamic_quant(x, weight, epsilon, quant_dtype)  on gfx942, gfx950
      if variance_size == none and not gemma and W == T
  | _C::rms_norm_dynamic_per_token_quant(out q, x, weight, out scale, epsilon, none, none)
      if variance_size == none and not gemma and W == T
  | patdsl::rms_norm_token_quant
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_token_quant

op add_rms_norm_token_quant(x: T[M, H], residual: T[M, H], weight: W[H]?, epsilon: float, quant_dtype: dtype,
    variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[M, H], residual_out: T[M, H], scale: f32[M, 1])
  = vllm::rocm_aiter_rmsnorm_fused_add_dynamic_quant(x, residual, weight, epsilon, quant_dtype)
      on gfx942, gfx950  if variance_size == none and not gemma and W == T
  | _C::rms_norm_dynamic_per_token_quant(out q, x, weight, out scale, epsilon, none,
      mut residual -> residual_out)  if variance_size == none and not gemma and W == T
  | patdsl::add_rms_norm_token_quant
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_token_quant

op rms_norm_static_quant(x: T[*B, H], weight: W[H]?, scale: f32[*S], epsilon: float, quant_dtype: dtype = fp8,
    variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[*B, H])
  = _C::rms_norm_static_fp8_quant(out q, x, weight, scale, epsilon)
      if quant_dtype == fp8 and variance_size == none and not gemma and W == T
  | patdsl::rms_norm_static_quant
  where numel(scale) == 1 and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:rms_norm_static_quant

op add_rms_norm_static_quant(x: T[*B, H], residual: T[*B, H], weight: W[H]?, scale: f32[*S], epsilon: float,
    quant_dtype: dtype = fp8, variance_size: int? = none, gemma: bool = false)
    -> (q: quant_dtype[*B, H], residual_out: T[*B, H])
  = _C::fused_add_rms_norm_static_fp8_quant(out q, x, mut residual -> residual_out, weight, scale, epsilon)
      if quant_dtype == fp8 and variance_size == none and not gemma and W == T
  | patdsl::add_rms_norm_static_quant
  where numel(scale) == 1 and T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_static_quant

op silu_mul_group_quant(x: T[M, 2 * D], group_size: int, col_major: bool = false, ue8m0: bool = false,
    tma_aligned: bool = false, quant_dtype: dtype = fp8)
    -> (q: quant_dtype[M, D], scale: f32[M, D / group_size])
  = vllm::rocm_aiter_act_mul_and_fp8_group_quant(x, group_size)  on gfx942, gfx950
      if quant_dtype == fp8 and not (col_major or ue8m0)
  | _C::silu_and_mul_per_block_quant(out q, x, out scale, group_size, none, col_major)  on sm_80+
      if quant_dtype == fp8 and not (ue8m0 or tma_aligned)
  | patdsl::silu_mul_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16}
  ref patdsl.reference:silu_mul_group_quant

op silu_mul_static_quant(x: T[*B, 2 * D], scale: f32[*S], quant_dtype: dtype = fp8) -> (q: quant_dtype[*B, D])
  = _C::silu_and_mul_quant(out q, x, scale)  if quant_dtype == fp8
  | patdsl::silu_mul_static_quant
  where numel(scale) == 1 and T in {bf16, f16}
  ref patdsl.reference:silu_mul_static_quant

op gated_rms_norm_group_quant(x: T[M, D], weight: W[D], z: T[M, D], epsilon: float, group_size: int)
    -> (q: fp8[M, D], scale: f32[M, ceil(D / group_size)])
  = vllm::rocm_aiter_fused_rms_gated_fp8_group_quant(x, weight, none, z, epsilon, true, "silu", group_size)
      on gfx942, gfx950  if D == 128
  | patdsl::gated_rms_norm_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16} and W in {T, f32}
  ref patdsl.reference:gated_rms_norm_group_quant

# vLLM has this kernel for torch code that quantises head by head, too, and so takes it to have the floor under the scale
# which such code has. Ours has none, and is not bound.
op gated_rms_norm_heads_quant(x: T[M, D], weight: W[D], z: T[M, D], epsilon: float)
    -> (q: fp8[M, D], scale: f32[M, 1])
  = vllm::rocm_aiter_fused_rms_gated_fp8_group_quant(x, weight, none, z, epsilon, true, "silu", D)
      on gfx942, gfx950
  where D == 128 and T in {bf16, f16} and W in {T, f32}
  ref patdsl.reference.heads:gated_rms_norm_heads_quant

op mla_dual_rms_norm(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float)
    -> (q_n: T[M, Q], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm  on gfx942, gfx950
  | patdsl::mla_dual_rms_norm
  where T in {bf16, f16}
  ref patdsl.reference:mla_dual_rms_norm

op mla_dual_rms_norm_token_quant(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float)
    -> (q_q: fp8[M, Q], q_scale: f32[M, 1], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm_per_token_quant  on gfx942, gfx950
  | patdsl::mla_dual_rms_norm_token_quant
  where T in {bf16, f16}
  ref patdsl.reference:mla_dual_rms_norm_token_quant

op mla_dual_rms_norm_group_quant(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float, group_size: int, col_major: bool = false, ue8m0: bool = false,
    tma_aligned: bool = false)
    -> (q_q: fp8[M, Q], q_scale: f32[M, Q / group_size], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm_group_quant(q, q_weight, kv, kv_weight, q_epsilon, kv_epsilon, group_size,
      false)  on gfx942, gfx950  if not (col_major or ue8m0)
  | patdsl::mla_dual_rms_norm_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16}
  ref patdsl.reference:mla_dual_rms_norm_group_quant

op add_rms_norm_pad(x: T[M, H], weight: W[H]?, epsilon: float, residual: T[M, H], multiple: int,
    variance_size: int? = none, gemma: bool = false)
    -> (padded: T[M, ceil(H / multiple) * multiple], residual_out: T[M, H])
  = vllm::rocm_aiter_triton_add_rmsnorm_pad(x, weight, epsilon, residual, multiple)  on gfx942, gfx950
      if variance_size == none and not gemma and W == T
  | patdsl::add_rms_norm_pad
  where T in {bf16, f16} and (weight == none or W in {T, f32})
  ref patdsl.reference:add_rms_norm_pad
