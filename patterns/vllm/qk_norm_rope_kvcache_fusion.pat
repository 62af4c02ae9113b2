# vLLM's qk_norm_rope_kvcache_fusion.py, both classes; a quantised q needs nothing of its own, since q_r is redefined.
import vllm_ir (rms_norm)
import attention
import kv_cache (rope)

host rope_kv_max_tokens: int

# QkNormRopeKvCachePattern
pattern qk_norm_rope_kv_cache(qkv: T[N, W]) {
  q, k, v  = split(qkv, [Q, K, K], -1)
  q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, epsilon)
  k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, epsilon)
  q_r, k_r = rope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), D, cos_sin, neox)
  dep      = kv_cache_update(view(k_r, [N, K / D, D]), view(v, [N, K / D, D]), layer)
=>
  dep, q_h, k_h = qk_norm_rope_kv_cache_update(Q / D, K / D, qkv, positions, q_weight, k_weight, epsilon,
                    cos_sin, neox, layer)
  q_r           = view(q_h, [N, Q])
  k_r           = view(k_h, [N, K])
}

# QkNormMRopeKvCachePattern: the kernel keeps the turned k to itself. Only attention, which reads the cache, may see it.
pattern qk_norm_mrope_kv_cache(qkv: T[N, W]) {
  q, k, v  = split(qkv, [Q, K, K], -1)
  q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, epsilon)
  k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, epsilon)
  q_r, k_r = mrope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), cos_sin, D, rotary_dim, t, h, w,
               interleaved, neox)
  k_h      = view(k_r, [N, K / D, D])
  dep      = kv_cache_update(k_h, view(v, [N, K / D, D]), layer)
=>
  dep, q_h = qk_norm_mrope_kv_cache_update(Q / D, qkv, positions, q_weight, k_weight, epsilon, cos_sin, neox,
               t, h, w, interleaved, rotary_dim, layer)
  q_r      = view(q_h, [N, Q])
  k_h      = view(k, [N, K / D, D])
  restride k_h
  only k_h -> any_attention.key
}

pass qk_norm_rope_kvcache on gfx942, gfx950 when tokens <= rope_kv_max_tokens {
  qk_norm_rope_kv_cache, qk_norm_mrope_kv_cache
}
