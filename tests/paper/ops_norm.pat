# Norms and what they fuse with. Parameters bind to the torch schema by position.
const fp8_max = 448.0 | 224.0 on gfx942  # vLLM: get_fp8_min_max

op rms_norm(x: T[*B, H], weight: W[H]?, epsilon: float, variance_size: int? = none) -> (y: T[*B, H])
  = vllm_ir::rms_norm
  ref patdsl.reference:rms_norm

op fused_add_rms_norm(x: T[*B, H], residual: T[*B, H], weight: W[H]?, epsilon: float,
    variance_size: int? = none)
    -> (y: T[*B, H], residual_out: T[*B, H])
  = vllm_ir::fused_add_rms_norm
  ref patdsl.reference:fused_add_rms_norm

op rms_norm_gated(x: T[*B, D], z: T[*B, D], weight: W[D], epsilon: float) -> (y: T[*B, D])
  = {  # vLLM has no op for it: the native code
      x32 = to(x, f32)
      n   = mul(x32, rsqrt(add(mean(pow(x32, 2), [-1], true), epsilon)))
      y   = to(mul(mul(n, to(weight, f32)), silu(to(z, f32))), T)
    }
  ref patdsl.reference:rms_norm_gated

# fused with quant
op rms_norm_group_quant(x: T[M, H], weight: T[H], epsilon: float, group_size: int, col_major: bool = false)
    -> (q: fp8[M, H], scale: f32[M, H / group_size])
  = vllm::rocm_aiter_rmsnorm_fp8_group_quant(x, weight, epsilon, group_size)  on gfx942, gfx950
      if not col_major
  | _C::rms_norm_per_block_quant(out q, x, weight, out scale, epsilon, none, none, group_size, col_major)
  where group_size in {64, 128}  # what the kernels are built for
  ref patdsl.reference:rms_norm_group_quant

op add_rms_norm_group_quant(x: T[M, H], residual: T[M, H], weight: T[H], epsilon: float, group_size: int,
    col_major: bool = false)
    -> (q: fp8[M, H], residual_out: T[M, H], scale: f32[M, H / group_size])
  = vllm::rocm_aiter_rmsnorm_with_add_fp8_group_quant(x, residual, weight, epsilon, group_size)
      on gfx942, gfx950  if not col_major
  | _C::rms_norm_per_block_quant(out q, x, weight, out scale, epsilon, none, mut residual -> residual_out,
      group_size, col_major)
  where group_size in {64, 128}
  ref patdsl.reference:add_rms_norm_group_quant

op rms_norm_token_quant(x: T[M, H], weight: T[H], epsilon: float, quant_dtype: dtype)
    -> (q: quant_dtype[M, H], scale: f32[M, 1])
  = vllm::rocm_aiter_rmsnorm_fused_dynamic_quant  on gfx942, gfx950
  | _C::rms_norm_dynamic_per_token_quant(out q, x, weight, out scale, epsilon, none, none)
  ref patdsl.reference:rms_norm_token_quant

op add_rms_norm_token_quant(x: T[M, H], residual: T[M, H], weight: T[H], epsilon: float, quant_dtype: dtype)
    -> (q: quant_dtype[M, H], residual_out: T[M, H], scale: f32[M, 1])
  = vllm::rocm_aiter_rmsnorm_fused_add_dynamic_quant  on gfx942, gfx950
  | _C::rms_norm_dynamic_per_token_quant(out q, x, weight, out scale, epsilon, none,
      mut residual -> residual_out)
  ref patdsl.reference:add_rms_norm_token_quant

op rms_norm_static_quant(x: T[*B, H], weight: T[H], scale: f32[*S], epsilon: float) -> (q: fp8[*B, H])
  = _C::rms_norm_static_fp8_quant(out q, x, weight, scale, epsilon)
  ref patdsl.reference:rms_norm_static_quant

op add_rms_norm_static_quant(x: T[*B, H], residual: T[*B, H], weight: T[H], scale: f32[*S], epsilon: float)
    -> (q: fp8[*B, H], residual_out: T[*B, H])
  = _C::fused_add_rms_norm_static_fp8_quant(out q, x, mut residual -> residual_out, weight, scale, epsilon)
  ref patdsl.reference:add_rms_norm_static_quant

op add_rms_norm_nvfp4_quant(x: T[M, H], residual: T[M, H], weight: T[H], epsilon: float,
    global_scale: f32[*S], swizzled: bool)
    -> (q: u8[M, H / 2], residual_out: T[M, H], scale: E[*G])
  = vllm::flashinfer_fused_add_rms_norm_nvfp4_quant(out q, out scale, mut residual -> residual_out, x, weight,
      global_scale, temp f8e4m3fn[M, H / 16], swizzled, epsilon)  on sm_100+
  ref patdsl.reference:add_rms_norm_nvfp4_quant

op gated_rms_norm_group_quant(x: T[M, D], weight: W[D], z: T[M, D], epsilon: float, group_size: int)
    -> (q: fp8[M, D], scale: f32[M, ceil(D / group_size)])
  = vllm::rocm_aiter_fused_rms_gated_fp8_group_quant(x, weight, none, z, epsilon, true, "silu", group_size)
      on gfx942, gfx950
  where D == 128
  ref patdsl.reference:gated_rms_norm_group_quant

op add_rms_norm_pad(x: T[M, H], weight: T[H], epsilon: float, residual: T[M, H], multiple: int)
    -> (padded: T[M, ceil(H / multiple) * multiple], residual_out: T[M, H])
  = vllm::rocm_aiter_triton_add_rmsnorm_pad  on gfx942, gfx950
  ref patdsl.reference:add_rms_norm_pad

op mla_dual_rms_norm(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float)
    -> (q_n: T[M, Q], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm  on gfx942, gfx950
  ref patdsl.reference:mla_dual_rms_norm

op mla_dual_rms_norm_token_quant(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float)
    -> (q_q: fp8[M, Q], q_scale: f32[M, 1], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm_per_token_quant  on gfx942, gfx950
  ref patdsl.reference:mla_dual_rms_norm_token_quant

op mla_dual_rms_norm_group_quant(q: T[M, Q], q_weight: T[Q], kv: T[M, C], kv_weight: T[C], q_epsilon: float,
    kv_epsilon: float, group_size: int)
    -> (q_q: fp8[M, Q], q_scale: f32[M, Q / group_size], kv_n: T[M, C])
  = vllm::fused_mla_dual_rms_norm_group_quant(q, q_weight, kv, kv_weight, q_epsilon, kv_epsilon, group_size,
      false)  on gfx942, gfx950
  ref patdsl.reference:mla_dual_rms_norm_group_quant

op rocm_gemm(x: T[*B, H], weight: T[N, H], bias: T[N]? = none) -> (y: T[*B, N])
  = vllm::rocm_unquantized_gemm
  ref patdsl.reference:linear
