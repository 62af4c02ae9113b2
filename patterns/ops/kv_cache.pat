# Rotary embedding, and paged caches that are arguments of the ops which write them. (A cache that a serving engine keeps
# with a layer, and names by it, is in no graph.)

# What plain torch makes of it: the two halves of a head, in fp32, rounded once.
op rotate_neox(x: T[*B], cos: f32[N, K], sin: f32[N, K], head_size: int) -> (y: T[*B])
  = {
      wide = to(view(x, [N, _, head_size]), f32)
      a, b = split(wide, [K, K], -1)
      c    = unsqueeze(cos, -2)
      s    = unsqueeze(sin, -2)
      y    = view(to(cat([sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], -1), T), [*B])
    }

# What DeepSeek's torch code makes of it: the cosines twice side by side, and everything in the dtype of the values.
op rotate_deepseek(x: T[N, G, size], cos: C[N, 1, size], sin: C[N, 1, size], size: int) -> (y: T[N, G, size])
  = {
      half = cat([neg(slice(x, -1, size / 2, size)), slice(x, -1, 0, size / 2)], -1)
      y    = add(mul(x, cos), mul(half, sin))
    }

op twice_side_by_side(x: T[N, K]) -> (y: T[N, 2 * K])
  = { y = view(clone(expand(unsqueeze(x, 1), [N, 2, K])), [N, 2 * K]) }
  | { y = cat([x, x], -1) }

op rope(positions: i64[*P], query: T[*BQ], key: T[*BK], head_size: int, cos_sin: C[L, R], neox: bool)
    -> (q_r: T[*BQ], k_r: T[*BK])
  = _C::rotary_embedding(positions, mut query -> q_r, mut key -> k_r, head_size, cos_sin, neox, 0, false)
  | vllm::rocm_aiter_triton_rotary_embedding(positions, mut query -> q_r, mut key -> k_r, head_size, cos_sin,
      neox, none)
  | vllm::flashinfer_rotary_embedding(positions, mut query -> q_r, mut key -> k_r, head_size, cos_sin, neox)
  | patdsl::rope
  | {
      cos, sin = split(index(cos_sin, [positions]), [R / 2, R / 2], -1)
      q_r      = rotate_neox(query, cos, sin, head_size)
      k_r      = rotate_neox(key, cos, sin, head_size)
    }  if neox
  | {
      cos, sin = split(index(cos_sin, [positions]), [R / 2, R / 2], -1)
      c        = unsqueeze(twice_side_by_side(cos), -2)
      s        = unsqueeze(twice_side_by_side(sin), -2)
      q_r      = rotate_deepseek(query, c, s, head_size)
      k_r      = rotate_deepseek(key, c, s, head_size)
    }  if neox
  ref patdsl.reference:rope

# The caches have the dtype of the keys, or hold fp8, as such or as bytes.

op kv_cache_write(key: T[*BK], value: T[*BV], key_cache: S[B, Z, G, D], value_cache: S[B, Z, G, V],
    slot_mapping: i64[M], k_scale: f32[*K], v_scale: f32[*U])
    -> (keys: S[B, Z, G, D], values: S[B, Z, G, V])
  = _C_cache_ops::reshape_and_cache_flash(key, value, mut key_cache -> keys, mut value_cache -> values,
      slot_mapping, "auto", k_scale, v_scale)  if rank(key) == 3 and dtype(key_cache) == dtype(key)
  | _C_cache_ops::reshape_and_cache_flash(key, value, mut key_cache -> keys, mut value_cache -> values,
      slot_mapping, "fp8", k_scale, v_scale)  if rank(key) == 3 and dtype(key_cache) in {u8, fp8}
  | patdsl::kv_cache_write(key, value, mut key_cache -> keys, mut value_cache -> values, slot_mapping,
      k_scale, v_scale)
  where numel(k_scale) == 1 and numel(v_scale) == 1
  ref patdsl.reference:kv_cache_write

op rope_kv_cache(positions: i64[*P], query: T[*BQ], key: T[*BK], value: T[*BV], cos_sin: C[L, R], neox: bool,
    key_cache: S[B, Z, G, D], value_cache: S[B, Z, G, V], slot_mapping: i64[M], k_scale: f32[*K],
    v_scale: f32[*U])
    -> (q_r: T[*BQ], k_r: T[*BK], keys: S[B, Z, G, D], values: S[B, Z, G, V])
  = patdsl::rope_kv_cache(positions, query, key, value, cos_sin, neox, mut key_cache -> keys,
      mut value_cache -> values, slot_mapping, k_scale, v_scale) -> (q_r, k_r)
  where numel(k_scale) == 1 and numel(v_scale) == 1
  where dtype(key_cache) == dtype(key) or dtype(key_cache) in {u8, fp8}
  where T in {bf16, f16} and (dtype(cos_sin) == dtype(key) or dtype(cos_sin) == f32)
  ref patdsl.reference:rope_kv_cache

# Latent attention: the latent kv_c and the rotary part of the key lie side by side in one cache.

op mla_kv_cache_write(kv_c: T[N, A], k_pe: T[*BK], kv_cache: S[B, Z, W], slot_mapping: i64[M],
    k_scale: f32[*K])
    -> (cache: S[B, Z, W])
  = _C_cache_ops::concat_and_cache_mla(kv_c, k_pe, mut kv_cache -> cache, slot_mapping, "auto", k_scale)
      if rank(k_pe) == 2 and dtype(kv_cache) == dtype(kv_c)
  | _C_cache_ops::concat_and_cache_mla(kv_c, k_pe, mut kv_cache -> cache, slot_mapping, "fp8", k_scale)
      if rank(k_pe) == 2 and dtype(kv_cache) in {u8, fp8}
  | patdsl::mla_kv_cache_write(kv_c, k_pe, mut kv_cache -> cache, slot_mapping, k_scale)
  where numel(k_scale) == 1
  ref patdsl.reference:mla_kv_cache_write

op mla_rope_pe_kv_cache(positions: i64[*P], q_pe: T[*BQ], k_pe: T[*BK], kv_c: T[N, A], cos_sin: C[L, R],
    neox: bool, kv_cache: S[B, Z, W], slot_mapping: i64[M], k_scale: f32[*K])
    -> (q_r: T[*BQ], k_r: T[*BK], cache: S[B, Z, W])
  = patdsl::mla_rope_pe_kv_cache(positions, q_pe, k_pe, kv_c, cos_sin, neox, mut kv_cache -> cache,
      slot_mapping, k_scale) -> (q_r, k_r)
  where numel(k_scale) == 1
  where dtype(kv_cache) == dtype(kv_c) or dtype(kv_cache) in {u8, fp8}
  where T in {bf16, f16} and (dtype(cos_sin) == dtype(kv_c) or dtype(cos_sin) == f32)
  ref patdsl.reference:mla_rope_pe_kv_cache

op mla_rope_kv_cache(positions: i64[*P], q_nope: T[*BQ, Q], q_pe: T[*BQ, R], k_pe: T[*BK], kv_c: T[N, A],
    cos_sin: C[L, R], neox: bool, kv_cache: S[B, Z, W], slot_mapping: i64[M], k_scale: f32[*K])
    -> (q: T[*BQ, Q + R], k_r: T[*BK], cache: S[B, Z, W])
  = patdsl::mla_rope_kv_cache(positions, q_nope, q_pe, k_pe, kv_c, cos_sin, neox, mut kv_cache -> cache,
      slot_mapping, k_scale) -> (q, k_r)
  where numel(k_scale) == 1
  where dtype(kv_cache) == dtype(kv_c) or dtype(kv_cache) in {u8, fp8}
  where T in {bf16, f16} and (dtype(cos_sin) == dtype(kv_c) or dtype(cos_sin) == f32)
  ref patdsl.reference:mla_rope_kv_cache
