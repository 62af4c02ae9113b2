# vLLM's IR ops and the quant ops that its models call, as its graphs hold them before lowering.

const fp8_max = 448.0 | 224.0 on gfx942

op rms_norm(x: T[*B, H], weight: W[H]?, epsilon: float, variance_size: int? = none) -> (y: T[*B, H])
  = vllm_ir::rms_norm
  | patdsl::rms_norm
  ref patdsl.reference:rms_norm

op fused_add_rms_norm(x: T[*B, H], residual: T[*B, H], weight: W[H]?, epsilon: float, variance_size: int? = none)
    -> (y: T[*B, H], residual_out: T[*B, H])
  = vllm_ir::fused_add_rms_norm
  | patdsl::fused_add_rms_norm
  ref patdsl.reference:fused_add_rms_norm

op group_quant(x: T[*B, H], group_size: int, col_major: bool = false, ue8m0: bool = false, tma_aligned: bool = false)
    -> (q: fp8[*B, H], scale: f32[*B, H / group_size])
  = vllm::rocm_aiter_group_fp8_quant(x, group_size, false) on gfx942, gfx950
      if rank(x) == 2 and not col_major and not ue8m0 and not tma_aligned
  | patdsl::group_quant
  ref patdsl.reference:group_quant
