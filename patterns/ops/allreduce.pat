# The all-reduce of tensor parallelism, and what kernels fuse behind it: FlashInfer's on NVIDIA, aiter's on AMD.
# A residual of zeros makes of a kernel that adds one a norm without.

host tp_group: str
host tp_size: int
# The most tokens that the kernels' workspace holds, and whether they can quantise.
host ar_max_tokens: int
host ar_quant: bool

op all_reduce(x: T[*B, H], group: str) -> (ar: T[*B, H])
  = vllm::all_reduce
  effect collective
  ref patdsl.reference:all_reduce

op ar_rms_norm(x: T[*B, H], weight: T[H], epsilon: float, gemma: bool = false) -> (y: T[*B, H], ar: T[*B, H])
  = vllm::flashinfer_trtllm_fused_allreduce_norm(mut x -> ar, zeros_like(x), weight, epsilon, tp_size, true,
      true, ar_max_tokens, 1, out y, none, none, none, float(gemma))  on sm_90+
  | vllm::rocm_aiter_fused_allreduce_rmsnorm(x, zeros_like(x), weight, epsilon, gemma)  on gfx942, gfx950
  where T in {bf16, f16}
  effect collective
  ref patdsl.reference:ar_rms_norm

op ar_add_rms_norm(x: T[*B, H], residual: T[*B, H], weight: T[H], epsilon: float, gemma: bool = false)
    -> (y: T[*B, H], residual_out: T[*B, H])
  = vllm::flashinfer_trtllm_fused_allreduce_norm(mut x -> y, mut residual -> residual_out, weight, epsilon,
      tp_size, true, true, ar_max_tokens, 1, none, none, none, none, float(gemma))  on sm_90+
  | vllm::rocm_aiter_fused_allreduce_rmsnorm  on gfx942, gfx950
  where T in {bf16, f16}
  effect collective
  ref patdsl.reference:ar_add_rms_norm

op ar_rms_norm_static_quant(x: T[*B, H], weight: T[H], epsilon: float, scale: f32[*S])
    -> (q: fp8[*B, H], ar: T[*B, H])
  = vllm::flashinfer_trtllm_fused_allreduce_norm(mut x -> ar, zeros_like(x), weight, epsilon, tp_size, true,
      true, ar_max_tokens, 2, temp T[*B, H], out q, none, scale, 0.0)  on sm_90+  if ar_quant
  where numel(scale) == 1 and T in {bf16, f16}
  effect collective
  ref patdsl.reference:ar_rms_norm_static_quant

op ar_add_rms_norm_static_quant(x: T[*B, H], residual: T[*B, H], weight: T[H], epsilon: float, scale: f32[*S])
    -> (q: fp8[*B, H], residual_out: T[*B, H])
  = vllm::flashinfer_trtllm_fused_allreduce_norm(mut x -> _, mut residual -> residual_out, weight, epsilon,
      tp_size, true, true, ar_max_tokens, 2, none, out q, none, scale, 0.0)  on sm_90+  if ar_quant
  where numel(scale) == 1 and T in {bf16, f16}
  effect collective
  ref patdsl.reference:ar_add_rms_norm_static_quant

op ar_rms_norm_nvfp4_quant(x: T[M, H], weight: T[H], epsilon: float, global_scale: f32[*S])
    -> (q: u8[M, H / 2], ar: T[M, H], scale: tensor)
  = vllm::flashinfer_trtllm_fused_allreduce_norm(mut x -> ar, zeros_like(x), weight, epsilon, tp_size, true,
      true, ar_max_tokens, 3, temp T[M, H], out q, out scale as f8e4m3fn, global_scale, 0.0)  on sm_100+
      if ar_quant
  where T in {bf16, f16}
  effect collective
  ref patdsl.reference:ar_rms_norm_nvfp4_quant

op ar_add_rms_norm_nvfp4_quant(x: T[M, H], residual: T[M, H], weight: T[H], epsilon: float,
    global_scale: f32[*S])
    -> (q: u8[M, H / 2], residual_out: T[M, H], scale: tensor)
  = vllm::flashinfer_trtllm_fused_allreduce_norm(mut x -> _, mut residual -> residual_out, weight, epsilon,
      tp_size, true, true, ar_max_tokens, 3, none, out q, out scale as f8e4m3fn, global_scale, 0.0)
      on sm_100+  if ar_quant
  where T in {bf16, f16}
  effect collective
  ref patdsl.reference:ar_add_rms_norm_nvfp4_quant

op ar_rms_norm_group_quant(x: T[*B, H], weight: T[H], epsilon: float, group_size: int)
    -> (q: fp8[*B, H], ar: T[*B, H], scale: f32[*B, H / group_size])
  = vllm::rocm_aiter_fused_allreduce_rmsnorm_quant_per_group(x, zeros_like(x), weight, epsilon, group_size)
      on gfx942, gfx950  if ar_quant
  where group_size == 128 and T in {bf16, f16}
  effect collective
  ref patdsl.reference:ar_rms_norm_group_quant

op ar_add_rms_norm_group_quant(x: T[*B, H], residual: T[*B, H], weight: T[H], epsilon: float, group_size: int)
    -> (q: fp8[*B, H], residual_out: T[*B, H], scale: f32[*B, H / group_size])
  = vllm::rocm_aiter_fused_allreduce_rmsnorm_quant_per_group  on gfx942, gfx950  if ar_quant
  where group_size == 128 and T in {bf16, f16}
  effect collective
  ref patdsl.reference:ar_add_rms_norm_group_quant

op ar_add_rms_norm_group_quant_norm(x: T[*B, H], residual: T[*B, H], weight: T[H], epsilon: float,
    group_size: int)
    -> (q: fp8[*B, H], residual_out: T[*B, H], scale: f32[*B, H / group_size], y: T[*B, H])
  = vllm::rocm_aiter_fused_allreduce_rmsnorm_quant_per_group_with_bf16_norm  on gfx942, gfx950  if ar_quant
  where group_size == 128 and T == bf16
  effect collective
  ref patdsl.reference:ar_add_rms_norm_group_quant_norm
