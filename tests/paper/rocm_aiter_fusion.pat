# vLLM: rocm_aiter_fusion.py, 12 classes. The ops carry both the AITER and the _C forms, so 7 of these are
# shared with rms_quant_fusion.pat and act_quant_fusion.pat.
import ops_norm
import ops_quant

# AiterRMSNormDynamicQuant
pattern rms_token_quant { rms_norm -> view? -> 1..x token_quant => rms_norm_token_quant }
# AiterFusedAddRMSNormDynamicQuant
pattern add_rms_token_quant { fused_add_rms_norm -> view? -> 1..x token_quant => add_rms_norm_token_quant }
# AiterRMSFp8GroupQuant, DoubleAiterRMSFp8GroupQuant, ...View. The fused kernel writes dense scales, aligned or not
pattern rms_group_quant { rms_norm -> view? -> 1..x group_quant(tma_aligned=_) => rms_norm_group_quant }
# AiterFusedAddRMSFp8GroupQuant
pattern add_rms_group_quant {
  fused_add_rms_norm -> view? -> 1..x group_quant(tma_aligned=_) => add_rms_norm_group_quant
}
# AiterSiluMulFp8GroupQuant
pattern silu_mul_group_quant { silu_and_mul -> view? -> 1..x group_quant => silu_mul_group_quant }

# AiterRMSNormGatedFp8GroupQuant: the norm runs per head, the quant on the heads merged
pattern gated_rms_group_quant(x: T[*B, D], z: T[*B, D]) {
  y    = rms_norm_gated(x, z, weight, eps)
  m    = view(y, [M, N])  # merges the heads
  q, s = group_quant(m, D)
=>
  f, t = gated_rms_norm_group_quant(view(x, [_, D]), weight, view(z, [_, D]), eps, D)
  q    = view(f, [M, N])
  s    = view(t, [M, N / D])
  where N % D == 0
}

# AddAiterRMSNormPad, any hidden size and padding: H + P is itself a multiple of H + P
pattern add_rms_pad(x: T[M, H]) {
  y, r = fused_add_rms_norm(x, residual, weight, eps)
  l    = rocm_gemm(y, router, bias)
  p    = pad(y, [0, P], 0.0)
=>
  p, r = add_rms_norm_pad(x, weight, eps, residual, H + P)
  l    = rocm_gemm(slice(p, -1, 0, H), router, bias)
  where P > 0  # typed: ceil(H / (H + P)) * (H + P) == H + P
}

# MLADualRMSNorm
pattern mla_dual_rms_norm {
  q_c, kv    = split(qkv, [Q, C + R], -1)
  kv_c, k_pe = split(kv, [C, R], -1)
  q_n        = rms_norm(q_c, q_weight, q_eps)
  kv_n       = rms_norm(kv_c, kv_weight, kv_eps)
=>
  q_n, kv_n = mla_dual_rms_norm(q_c, q_weight, kv_c, kv_weight, q_eps, kv_eps)
}
# MLADualRMSPerTokenQuant, after rms_token_quant took q
pattern mla_dual_rms_norm_token_quant {
  q_c, kv    = split(qkv, [Q, C + R], -1)
  kv_c, k_pe = split(kv, [C, R], -1)
  q_q, q_s   = rms_norm_token_quant(q_c, q_weight, q_eps, fp8)
  kv_n       = rms_norm(kv_c, kv_weight, kv_eps)
=>
  q_q, q_s, kv_n = mla_dual_rms_norm_token_quant(q_c, q_weight, kv_c, kv_weight, q_eps, kv_eps)
}
# MLADualRMSGroupQuant, after rms_group_quant took q
pattern mla_dual_rms_norm_group_quant {
  q_c, kv    = split(qkv, [Q, C + R], -1)
  kv_c, k_pe = split(kv, [C, R], -1)
  q_q, q_s   = rms_norm_group_quant(q_c, q_weight, q_eps, g)
  kv_n       = rms_norm(kv_c, kv_weight, kv_eps)
=>
  q_q, q_s, kv_n = mla_dual_rms_norm_group_quant(q_c, q_weight, kv_c, kv_weight, q_eps, kv_eps, g)
  where g == 128
}

pass rocm_act_padding on gfx942, gfx950 { add_rms_pad }
pass rocm_norm_quant on gfx942, gfx950 {
  rms_token_quant, add_rms_token_quant, rms_group_quant, add_rms_group_quant, gated_rms_group_quant
}
pass rocm_silu_quant on gfx942, gfx950 { silu_mul_group_quant }
pass rocm_mla_dual on gfx942, gfx950 after rocm_norm_quant {
  mla_dual_rms_norm, mla_dual_rms_norm_token_quant, mla_dual_rms_norm_group_quant
}
