# vLLM's rope_kvcache_fusion.py: RopeReshapeKVCachePattern. RopeStaticQQuantKVCachePattern needs nothing of its own, since
# the turned q is itself redefined: what quantises it stays.
import attention
import kv_cache (rope)

host rope_kv_max_tokens: int

pattern rope_kv_cache {
  q_r, k_r = rope(positions, q, k, D, cos_sin, neox)
  dep      = kv_cache_update(view(k_r, [N, G, D]), view(v, [N, G, V]), layer)
=>
  dep, q_h, k_h = rope_kv_cache_update(view(q, [N, _, D]), view(k, [N, G, D]), view(v, [N, G, V]), positions,
                    cos_sin, neox, layer)
  q_r           = view(q_h, shape(q))
  k_r           = view(k_h, shape(k))
}

pass rope_kvcache on gfx942, gfx950, sm_90+ when tokens <= rope_kv_max_tokens { rope_kv_cache }
