# vLLM: qk_norm_rope_kvcache_fusion.py, 2 classes. The quantised-query forms need nothing: q_r itself is
# redefined.
import ops_norm
import ops_attention

# QkNormRopeKvCache
pattern qk_norm_rope_kv_cache {
  q, k, v  = split(qkv, [Q, K, K], -1)
  q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, eps)
  k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, eps)
  q_r, k_r = rope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), D, cos_sin, neox)
  dep      = kv_cache_update(view(k_r, [N, K / D, D]), view(v, [N, K / D, D]), layer)
=>
  dep, q_h, k_h = qk_norm_rope_kv_cache_update(Q / D, K / D, qkv, positions, q_weight, k_weight, eps, cos_sin,
                    neox, layer)
  q_r           = view(q_h, [N, Q])
  k_r           = view(k_h, [N, K])
}

# QkNormMRopeKvCache: the kernel keeps the rotated K to itself, so only attention, which reads the
# cache, may see k
pattern qk_norm_mrope_kv_cache {
  q, k, v  = split(qkv, [Q, K, K], -1)
  q_n      = rms_norm(view(q, [N, Q / D, D]), q_weight, eps)
  k_n      = rms_norm(view(k, [N, K / D, D]), k_weight, eps)
  q_r, k_r = mrope(positions, view(q_n, [N, Q]), view(k_n, [N, K]), cos_sin, D, rd, t, h, w, interleaved,
               neox)
  k_h      = view(k_r, [N, K / D, D])
  dep      = kv_cache_update(k_h, view(v, [N, K / D, D]), layer)
=>
  dep, q_h = qk_norm_mrope_kv_cache_update(Q / D, qkv, positions, q_weight, k_weight, eps, cos_sin, neox, t,
               h, w, interleaved, rd, layer)
  q_r      = view(q_h, [N, Q])
  k_h      = view(k, [N, K / D, D])  # not the same value:
  only k_h -> attention.key
}

pass qk_norm_rope_kv_cache on gfx942, gfx950 when tokens <= rope_kv_max_tokens {
  qk_norm_rope_kv_cache, qk_norm_mrope_kv_cache
}
