# vLLM's qk_norm_rope_fusion.py: QkNormRopePattern. The geometry is read off the graph, not the layers.
import vllm_ir (rms_norm)
import attention
import kv_cache (rope)

pattern qk_norm_rope(qkv: T[N, W]) {
  q, k, v  = split(qkv, [Q, K, K], -1)
  q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, epsilon)
  k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, epsilon)
  q_r, k_r = rope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), D, cos_sin, neox)
=>
  out         = qk_norm_rope(qkv, Q / D, K / D, K / D, D, epsilon, q_weight, k_weight, cos_sin, neox,
                  view(positions, [_]))
  q_r, k_r, v = split(out, [Q, K, K], -1)
  restride q_r
  restride k_r
}

pass qk_norm_rope on gfx942, gfx950, sm_80+ { qk_norm_rope }
