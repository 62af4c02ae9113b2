# vLLM: rope_kvcache_fusion.py, 2 classes; RopeStaticQQuantKVCache needs nothing more, since q_r itself is
# redefined.
import ops_attention

# RopeReshapeKVCache, RopeStaticQQuantKVCache
pattern rope_kv_cache {
  q_r, k_r = rope(positions, q, k, D, cos_sin, neox)
  dep      = kv_cache_update(view(k_r, [N, G, D]), v, layer)
=>
  dep, q_h, k_h = rope_kv_cache_update(view(q, [N, _, D]), view(k, [N, G, D]), v, positions, cos_sin, neox,
                    layer)
  q_r           = view(q_h, shape(q))
  k_r           = view(k_h, shape(k))
}

# utility/scatter_split_replace.py, which vLLM must run first: in-place rope on the parts of a split
pattern scatter_split {
  s       = slice_scatter(qkv, q, -1, 0, Q)
  t       = slice_scatter(s, k, -1, Q, Q + K)
  a, b, v = split(t, [Q, K, V], -1)
=>
  a       = q
  b       = k
  _, _, v = split(qkv, [Q, K, V], -1)
}

pass scatter_split { scatter_split }
pass rope_kv_cache on gfx942, gfx950 when tokens <= rope_kv_max_tokens { rope_kv_cache }
