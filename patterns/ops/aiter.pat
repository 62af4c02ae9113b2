# Fused ops: aiter's where vLLM has them on ROCm, vLLM's own `_C` ops, then ours, which run everywhere.
# aiter's kernels take two dims; so do these declarations. The rewrite merges leading dims where a graph has more.

op rms_norm_group_quant(x: T[M, H], weight: T[H], epsilon: float, group_size: int, col_major: bool = false)
    -> (q: fp8[M, H], scale: f32[M, H / group_size])
  = vllm::rocm_aiter_rmsnorm_fp8_group_quant(x, weight, epsilon, group_size)  on gfx942, gfx950
      if not col_major
  | _C::rms_norm_per_block_quant(out q, x, weight, out scale, epsilon, none, none, group_size, col_major)
  | patdsl::rms_norm_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16}
  ref patdsl.reference:rms_norm_group_quant

op add_rms_norm_group_quant(x: T[M, H], residual: T[M, H], weight: T[H], epsilon: float, group_size: int,
    col_major: bool = false)
    -> (q: fp8[M, H], residual_out: T[M, H], scale: f32[M, H / group_size])
  = vllm::rocm_aiter_rmsnorm_with_add_fp8_group_quant(x, residual, weight, epsilon, group_size)
      on gfx942, gfx950  if not col_major
  | _C::rms_norm_per_block_quant(out q, x, weight, out scale, epsilon, none, mut residual -> residual_out,
      group_size, col_major)
  | patdsl::add_rms_norm_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16}
  ref patdsl.reference:add_rms_norm_group_quant

op rms_norm_token_quant(x: T[M, H], weight: T[H], epsilon: float, quant_dtype: dtype)
    -> (q: quant_dtype[M, H], scale: f32[M, 1])
  = vllm::rocm_aiter_rmsnorm_fused_dynamic_quant  on gfx942, gfx950
  | _C::rms_norm_dynamic_per_token_quant(out q, x, weight, out scale, epsilon, none, none)
  | patdsl::rms_norm_token_quant
  ref patdsl.reference:rms_norm_token_quant

op add_rms_norm_token_quant(x: T[M, H], residual: T[M, H], weight: T[H], epsilon: float, quant_dtype: dtype)
    -> (q: quant_dtype[M, H], residual_out: T[M, H], scale: f32[M, 1])
  = vllm::rocm_aiter_rmsnorm_fused_add_dynamic_quant  on gfx942, gfx950
  | _C::rms_norm_dynamic_per_token_quant(out q, x, weight, out scale, epsilon, none,
      mut residual -> residual_out)
  | patdsl::add_rms_norm_token_quant
  ref patdsl.reference:add_rms_norm_token_quant

op silu_mul_group_quant(x: T[M, 2 * D], group_size: int, col_major: bool = false)
    -> (q: fp8[M, D], scale: f32[M, D / group_size])
  = vllm::rocm_aiter_act_mul_and_fp8_group_quant(x, group_size)  on gfx942, gfx950  if not col_major
  | _C::silu_and_mul_per_block_quant(out q, x, out scale, group_size, none, col_major)  on sm_80+
  | patdsl::silu_mul_group_quant
  where group_size in {32, 64, 128} and T in {bf16, f16}
  ref patdsl.reference:silu_mul_group_quant

op gated_rms_norm_group_quant(x: T[M, D], weight: W[D], z: T[M, D], epsilon: float, group_size: int)
    -> (q: fp8[M, D], scale: f32[M, D / group_size])
  = vllm::rocm_aiter_fused_rms_gated_fp8_group_quant(x, weight, none, z, epsilon, true, "silu", group_size)
      on gfx942, gfx950
  | patdsl::gated_rms_norm_group_quant
  where D == 128
  ref patdsl.reference:gated_rms_norm_group_quant

op mla_dual_rms_norm(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float)
    -> (q_n: T[M, Q], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm  on gfx942, gfx950
  | patdsl::mla_dual_rms_norm
  ref patdsl.reference:mla_dual_rms_norm

op mla_dual_rms_norm_token_quant(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float)
    -> (q_q: fp8[M, Q], q_scale: f32[M, 1], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm_per_token_quant  on gfx942, gfx950
  | patdsl::mla_dual_rms_norm_token_quant
  ref patdsl.reference:mla_dual_rms_norm_token_quant

op mla_dual_rms_norm_group_quant(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float, group_size: int)
    -> (q_q: fp8[M, Q], q_scale: f32[M, Q / group_size], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm_group_quant(q, q_weight, kv, kv_weight, q_epsilon, kv_epsilon, group_size,
      false)  on gfx942, gfx950
  | patdsl::mla_dual_rms_norm_group_quant
  ref patdsl.reference:mla_dual_rms_norm_group_quant

op add_rms_norm_pad(x: T[M, H], weight: T[H], epsilon: float, residual: T[M, H], multiple: int)
    -> (padded: T[M, ceil(H / multiple) * multiple], residual_out: T[M, H])
  = vllm::rocm_aiter_triton_add_rmsnorm_pad  on gfx942, gfx950
  | patdsl::add_rms_norm_pad
  ref patdsl.reference:add_rms_norm_pad
