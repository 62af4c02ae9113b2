# The rotary embedding of q and k, and the write of k and v to a paged cache. The fused op takes v as it was before any
# view of it, which may stand behind others of the turned k.
import kv_cache

pattern rope_kv_cache(key_cache: S[B, Z, G, D]) {
  q_r, k_r     = rope(positions, q, k, D, cos_sin, neox)
  keys, values = kv_cache_write(view(k_r, [N, G, D]), view(v, [N, G, V]), key_cache, value_cache,
                   slot_mapping, k_scale, v_scale)
=>
  q_r, k_r, keys, values = rope_kv_cache(positions, q, k, v, cos_sin, neox, key_cache, value_cache,
                             slot_mapping, k_scale, v_scale)
}

pattern mla_rope_kv_cache {
  q_r, k_r = rope(positions, q_pe, k_pe, R, cos_sin, neox)
  cache    = mla_kv_cache_write(view(kv_c, [N, A]), view(k_r, [N, R]), kv_cache, slot_mapping, k_scale)
=>
  q_r, k_r, cache = mla_rope_pe_kv_cache(positions, q_pe, k_pe, kv_c, cos_sin, neox, kv_cache, slot_mapping,
                      k_scale)
}

# q's parts side by side again, as the kernel of latent attention reads them.
pattern mla_rope_cat_kv_cache(q_nope: T[*BQ, Q], q_pe: T[*BQ, R]) {
  q_r, k_r = rope(positions, q_pe, k_pe, R, cos_sin, neox)
  cache    = mla_kv_cache_write(view(kv_c, [N, A]), view(k_r, [N, R]), kv_cache, slot_mapping, k_scale)
  q        = cat([q_nope, q_r], -1)
=>
  q, k_r, cache = mla_rope_kv_cache(positions, q_nope, q_pe, k_pe, kv_c, cos_sin, neox, kv_cache,
                    slot_mapping, k_scale)
}

pass rope_kv_cache { rope_kv_cache, mla_rope_kv_cache, mla_rope_cat_kv_cache }
