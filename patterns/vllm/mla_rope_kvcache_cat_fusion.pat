# vLLM's mla_rope_kvcache_cat_fusion.py: MLARoPEKVCacheCatPattern, any of its ropes.
import attention
import kv_cache (rope)

pattern mla_rope_kv_cache(k_pe: T[N, R]) {
  q_r, k_r = rope(positions, q_pe, unsqueeze(k_pe, 1), R, cos_sin, neox)
  dep      = mla_kv_cache_update(kv_c, k_r, layer, kv_dtype, k_scale)
=>
  dep, q_r, k = mla_rope_kv_cache_update(positions, q_pe, k_pe, kv_c, cos_sin, neox, kv_dtype, k_scale, layer)
  k_r         = unsqueeze(k, 1)
  restride q_r
  restride k_r
}

pass rope_kvcache_cat_mla on gfx942, gfx950, sm_80+ { mla_rope_kv_cache }
