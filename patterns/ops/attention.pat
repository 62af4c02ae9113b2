# Attention, and caches that a serving engine keeps with a layer: no graph holds such a cache, only the layer's name,
# and the ops that touch it are ordered by an effect. What they mean is the engine's; their `ref` is a model of one.

# Whether the layer's attention has a fused form. Where a graph takes its layer as an input: whether every layer has.
host supports(layer: opaque, what: str): bool

op mrope(positions: i64[*P], query: T[*BQ], key: T[*BK], cos_sin: C[L, rotary_dim], head_size: int,
    rotary_dim: int, t: int, h: int, w: int, interleaved: bool, neox: bool)
    -> (q_r: T[*BQ], k_r: T[*BK])
  = vllm::mrope(positions, mut query -> q_r, mut key -> k_r, cos_sin, head_size, rotary_dim, t, h, w,
      interleaved, neox)
  ref patdsl.reference:mrope

# Writing keys and values. `dep` is empty: whoever reads the cache takes it, so that it reads afterwards.

op kv_cache_update(key: T[N, G, D], value: T[N, G, V], layer: opaque) -> (dep: T[0])
  = vllm::unified_kv_cache_update
  effect kv_cache
  ref patdsl.reference.serving:kv_cache_update

op mla_kv_cache_update(kv_c: T[N, C], k_pe: T[N, 1, R], layer: opaque, kv_dtype: str, k_scale: f32[*S])
    -> (dep: T[0])
  = vllm::unified_mla_kv_cache_update
  effect kv_cache
  ref patdsl.reference.serving:mla_kv_cache_update

op rope_kv_cache_update(query: T[N, A, D], key: T[N, G, D], value: T[N, G, V], positions: i64[*P],
    cos_sin: C[L, R], neox: bool, layer: opaque)
    -> (dep: T[0], q_r: T[N, A, D], k_r: T[N, G, D])
  = vllm::fused_rope_and_unified_kv_cache_update(mut query -> q_r, mut key -> k_r, value, positions, cos_sin,
      neox, layer) -> (dep)
  where supports(layer, "rope_kvcache")
  effect kv_cache
  ref patdsl.reference.serving:rope_kv_cache_update

op mla_rope_kv_cache_update(positions: i64[*P], q_pe: T[N, A, R], k_pe: T[N, R], kv_c: T[N, C],
    cos_sin: X[L, R], neox: bool, kv_dtype: str, k_scale: f32[*S], layer: opaque)
    -> (dep: T[0], q_r: T[N, A, R], k_r: T[N, R])
  = vllm::fused_rope_unified_mla_kv_cache_update(positions, mut q_pe -> q_r, mut k_pe -> k_r, kv_c, cos_sin,
      neox, kv_dtype, k_scale, layer) -> (dep)
  effect kv_cache
  ref patdsl.reference.serving:mla_rope_kv_cache_update

op qk_norm_rope_kv_cache_update(heads: int, kv_heads: int, qkv: T[N, W], positions: i64[*P], q_weight: T[D],
    k_weight: T[D], epsilon: float, cos_sin: C[L, R], neox: bool, layer: opaque)
    -> (dep: T[0], q_h: T[N, heads, D], k_h: T[N, kv_heads, D])
  = vllm::fused_qk_norm_rope_and_unified_kv_cache_update(out q_h, out k_h, qkv, positions, q_weight, k_weight,
      epsilon, cos_sin, neox, layer) -> (dep)
  where D in {64, 128, 256} and T in {bf16, f16} and supports(layer, "qk_norm_rope_kvcache")
  effect kv_cache
  ref patdsl.reference.serving:qk_norm_rope_kv_cache_update

# The rotated keys are in the cache alone.
op qk_norm_mrope_kv_cache_update(heads: int, qkv: T[N, W], positions: i64[*P], q_weight: T[D], k_weight: T[D],
    epsilon: float, cos_sin: C[L, rotary_dim], neox: bool, t: int, h: int, w: int, interleaved: bool,
    rotary_dim: int, layer: opaque)
    -> (dep: T[0], q_h: T[N, heads, D])
  = vllm::fused_qk_norm_mrope_and_unified_kv_cache_update(out q_h, qkv, positions, q_weight, k_weight,
      epsilon, cos_sin, neox, t, h, w, interleaved, rotary_dim, layer) -> (dep)
  where D in {64, 128, 256} and T in {bf16, f16} and supports(layer, "qk_norm_mrope_kvcache")
  where rotary_dim == 2 * (t + h + w) and rotary_dim <= D and rotary_dim % (D / 32) == 0
  where not neox or rotary_dim % (D / 16) == 0
  effect kv_cache
  ref patdsl.reference.serving:qk_norm_mrope_kv_cache_update

op qk_norm_rope(qkv: T[N, W], heads: int, kv_heads: int, v_heads: int, head_size: int, epsilon: float,
    q_weight: T[D], k_weight: T[D], cos_sin: C[L, R], neox: bool, positions: i64[P])
    -> (out_qkv: T[N, W])
  = _C::fused_qk_norm_rope(mut qkv -> out_qkv, heads, kv_heads, v_heads, head_size, epsilon, q_weight,
      k_weight, cos_sin, neox, positions, -1)
  where head_size in {64, 128, 256} and T in {bf16, f16}
  ref patdsl.reference:qk_norm_rope

# Attention of any kind, as what reads the cache and may still see keys that are in it.
op any_attention(query: tensor, key: tensor, value: tensor, layer: opaque, scale: tensor? = none,
    dep: tensor? = none)
    -> (o: tensor)
  = vllm::unified_attention_with_output(query, key, value, out o, layer, scale, none, dep)
  effect kv_cache read

# One torch operator is attention with and without a quantised result: one declaration for each meaning.

op attention(query: Q[N, A, D], key: T[K, G, D], value: T[L, G, V], layer: opaque, dep: X[*E]? = none)
    -> (o: T[N, A, V])
  = vllm::unified_attention_with_output(query, key, value, out o, layer, none, none, dep)
  effect kv_cache read
  ref patdsl.reference.serving:attention

op attention_static_quant(query: Q[N, A, D], key: T[K, G, D], value: T[L, G, V], layer: opaque,
    scale: f32[*S], dep: X[*E]? = none)
    -> (q: fp8[N, A, V])
  = vllm::unified_attention_with_output(query, key, value, out q, layer, scale, none, dep)
  where supports(layer, "quant_fp8_static") and numel(scale) == 1
  effect kv_cache read
  ref patdsl.reference.serving:attention_static_quant

op attention_nvfp4_quant(query: Q[N, A, D], key: T[K, G, D], value: T[L, G, V], layer: opaque,
    global_scale: f32[*S], dep: X[*E]? = none)
    -> (q: u8[N, A, V / 2], scale: tensor)
  = vllm::unified_attention_with_output(query, key, value, out q, layer, global_scale, out scale as f8e4m3fn,
      dep)  on sm_100+
  where supports(layer, "quant_nvfp4")
  effect kv_cache read
  ref patdsl.reference.serving:attention_nvfp4_quant

op mla_attention(query: Q[N, A, D], kv_c: T[K, C], k_pe: T[L, 1, R], layer: opaque, dep: X[*E]? = none)
    -> (o: T[N, F])
  = vllm::unified_mla_attention_with_output(query, kv_c, k_pe, out o, layer, none, none, dep)
  effect kv_cache read
  ref patdsl.reference.serving:mla_attention

op mla_attention_static_quant(query: Q[N, A, D], kv_c: T[K, C], k_pe: T[L, 1, R], layer: opaque,
    scale: f32[*S], width: int, dep: X[*E]? = none)
    -> (q: fp8[N, width])
  = vllm::unified_mla_attention_with_output(query, kv_c, k_pe, out q, layer, scale, none, dep)
  where supports(layer, "quant_fp8_static") and numel(scale) == 1
  effect kv_cache read
  ref patdsl.reference.serving:mla_attention_static_quant

op mla_attention_nvfp4_quant(query: Q[N, A, D], kv_c: T[K, C], k_pe: T[L, 1, R], layer: opaque,
    global_scale: f32[*S], width: int, dep: X[*E]? = none)
    -> (q: u8[N, width / 2], scale: tensor)
  = vllm::unified_mla_attention_with_output(query, kv_c, k_pe, out q, layer, global_scale,
      out scale as f8e4m3fn, dep)  on sm_100+
  where supports(layer, "quant_nvfp4")
  effect kv_cache read
  ref patdsl.reference.serving:mla_attention_nvfp4_quant

op mla_attention_group_quant(query: Q[N, A, D], kv_c: T[K, C], k_pe: T[L, 1, R], layer: opaque,
    group_size: int, width: int, col_major: bool, ue8m0: bool, tma_aligned: bool, dep: X[*E]? = none)
    -> (q: fp8[N, width], scale: f32[N, width / group_size])
  = vllm::unified_mla_attention_with_output(query, kv_c, k_pe, out q, layer, none, out scale, dep, group_size,
      ue8m0, col_major, tma_aligned)
  where group_size in {64, 128} and supports(layer, "quant_fp8_group")
  effect kv_cache read
  ref patdsl.reference.serving:mla_attention_group_quant
