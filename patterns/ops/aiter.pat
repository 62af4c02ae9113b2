# The fused ops of aiter that vLLM's ROCm passes call.

op rms_norm_group_quant(x: T[M, H], weight: T[H], epsilon: float, group_size: int)
    -> (q: fp8[M, H], scale: f32[M, H / group_size])
  = vllm::rocm_aiter_rmsnorm_fp8_group_quant on gfx942, gfx950
  | patdsl::rms_norm_group_quant(x, weight, epsilon, group_size, false)
  where group_size in {64, 128}
  ref patdsl.reference:rms_norm_group_quant
