# The two norms of multi-head latent attention: of q and of the compressed kv, which one projection makes together.
import vllm_ir
import aiter
import rms_norm_quant (rms_norm_quant)

pattern mla_dual_rms_norm {
  q_c, kv    = split(qkv, [Q, C + R], -1)
  kv_c, k_pe = split(kv, [C, R], -1)
  q_n        = rms_norm(q_c, q_weight, q_epsilon)
  kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
=>
  q_n, kv_n = mla_dual_rms_norm(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon)
}

# q's norm has already been fused with its quantisation by rms_norm_quant.

pattern mla_dual_rms_norm_group_quant {
  q_c, kv    = split(qkv, [Q, C + R], -1)
  kv_c, k_pe = split(kv, [C, R], -1)
  q_q, q_s   = rms_norm_group_quant(view?(q_c), q_weight, q_epsilon, group_size, col_major, ue8m0,
                 tma_aligned)
  kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
=>
  q_q, q_s, kv_n = mla_dual_rms_norm_group_quant(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon,
                     group_size, col_major, ue8m0, tma_aligned)
}

pattern mla_dual_rms_norm_token_quant {
  q_c, kv    = split(qkv, [Q, C + R], -1)
  kv_c, k_pe = split(kv, [C, R], -1)
  q_q, q_s   = rms_norm_token_quant(view?(q_c), q_weight, q_epsilon, fp8)
  kv_n       = rms_norm(kv_c, kv_weight, kv_epsilon)
=>
  q_q, q_s, kv_n = mla_dual_rms_norm_token_quant(q_c, q_weight, kv_c, kv_weight, q_epsilon, kv_epsilon)
}

pass mla_dual_rms_norm after rms_norm_quant {
  mla_dual_rms_norm, mla_dual_rms_norm_group_quant, mla_dual_rms_norm_token_quant
}
