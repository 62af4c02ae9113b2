# vLLM: mla_rope_kvcache_cat_fusion.py, 1 class with its 8 variants.
import ops_attention

# MLARoPEKVCacheCat
pattern mla_rope_kv_cache {
  q_r, k_r = rope(positions, q_pe, unsqueeze(k_pe, 1), R, cos_sin, neox)
  dep      = mla_kv_cache_update(kv_c, k_r, layer, kv_dtype, k_scale)
=>
  dep, q_r, k = mla_rope_kv_cache_update(positions, q_pe, k_pe, kv_c, cos_sin, neox, kv_dtype, k_scale, layer)
  k_r         = unsqueeze(k, 1)
}

pass mla_rope_kv_cache on sm_80+, gfx942, gfx950 { mla_rope_kv_cache }
