# Rope, KV cache and attention. `layer` is a str constant or an opaque LayerName value.
host rope_kv_max_tokens: int
host supports(layer: str, what: str): bool  # impl.fused_*_supported(...), per layer

op rotate_neox(x: T[*B], cos: C[N, K], sin: C[N, K], head_size: int) -> (y: T[*B])
  = {  # no torch op at all: a macro for the blocks below
      a, b = chunk(view(x, [N, _, head_size]), 2, -1)
      c    = unsqueeze(cos, -2)
      s    = unsqueeze(sin, -2)
      y    = view(cat([sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], -1), [*B])
    }

op rotate_deepseek(x: T[N, G, D], cos: C[N, 1, D], sin: C[N, 1, D]) -> (y: T[N, G, D])
  = { y = add(mul(x, cos), mul(cat([neg(slice(x, -1, D / 2, D)), slice(x, -1, 0, D / 2)], -1), sin)) }

op rope(positions: i64[*P], query: T[*BQ], key: T[*BK], head_size: int, cos_sin: C[L, R], neox: bool)
    -> (q_r: T[*BQ], k_r: T[*BK])
  = _C::rotary_embedding(positions, mut query -> q_r, mut key -> k_r, head_size, cos_sin, neox, 0, false)
  | vllm::rocm_aiter_triton_rotary_embedding(positions, mut query -> q_r, mut key -> k_r, head_size, cos_sin,
      neox, none)
  | vllm::flashinfer_rotary_embedding(positions, mut query -> q_r, mut key -> k_r, head_size, cos_sin, neox)
  | {
      cos, sin = chunk(index(cos_sin, [positions]), 2, -1)
      q_r      = rotate_neox(query, cos, sin, head_size)
      k_r      = rotate_neox(key, cos, sin, head_size)
    }  if neox
  | {  # DeepseekScalingRotaryEmbedding, neox; the gptj twins are like these
      cos, sin = chunk(index(cos_sin, [positions]), 2, -1)
      c        = unsqueeze(cat([cos, cos], -1), -2)
      s        = unsqueeze(cat([sin, sin], -1), -2)
      q_r      = rotate_deepseek(query, c, s)
      k_r      = rotate_deepseek(key, c, s)
    }  if neox
  where R == head_size
  ref patdsl.reference:rope

op mrope(positions: i64[*P], query: T[*BQ], key: T[*BK], cos_sin: C[L, R], head_size: int, rotary_dim: int,
    t: int, h: int, w: int, interleaved: bool, neox: bool)
    -> (q_r: T[*BQ], k_r: T[*BK])
  = vllm::mrope(positions, mut query -> q_r, mut key -> k_r, cos_sin, head_size, rotary_dim, t, h, w,
      interleaved, neox)
  ref patdsl.reference:mrope

op kv_cache_update(key: T[N, G, D], value: T[N, G, V], layer: str) -> (dep: T[0])
  = vllm::unified_kv_cache_update
  effect kv_cache
  ref patdsl.reference:kv_cache_update

op mla_kv_cache_update(kv_c: T[N, C], k_pe: T[N, 1, R], layer: str, kv_dtype: str, k_scale: f32[*S])
    -> (dep: T[0])
  = vllm::unified_mla_kv_cache_update
  effect kv_cache
  ref patdsl.reference:mla_kv_cache_update

op rope_kv_cache_update(query: T[N, A, D], key: T[N, G, D], value: T[N, G, V], positions: i64[*P],
    cos_sin: C[L, R], neox: bool, layer: str)
    -> (dep: T[0], q_r: T[N, A, D], k_r: T[N, G, D])
  = vllm::fused_rope_and_unified_kv_cache_update(mut query -> q_r, mut key -> k_r, value, positions, cos_sin,
      neox, layer) -> (dep)
  where supports(layer, "rope_kvcache")
  effect kv_cache
  ref patdsl.reference:rope_kv_cache_update

op mla_rope_kv_cache_update(positions: i64[*P], q_pe: T[N, A, R], k_pe: T[N, R], kv_c: T[N, C],
    cos_sin: X[L, R], neox: bool, kv_dtype: str, k_scale: f32[*S], layer: str)
    -> (dep: T[0], q_r: T[N, A, R], k_r: T[N, R])
  = vllm::fused_rope_unified_mla_kv_cache_update(positions, mut q_pe -> q_r, mut k_pe -> k_r, kv_c, cos_sin,
      neox, kv_dtype, k_scale, layer) -> (dep)
  effect kv_cache
  ref patdsl.reference:mla_rope_kv_cache_update

op qk_norm_rope(qkv: T[N, W], a: int, g: int, v: int, head_size: int, epsilon: float, q_weight: T[D],
    k_weight: T[D], cos_sin: C[L, R], neox: bool, positions: i64[P])
    -> (out_qkv: T[N, W])
  = _C::fused_qk_norm_rope(mut qkv -> out_qkv, a, g, v, head_size, epsilon, q_weight, k_weight, cos_sin, neox,
      positions, -1)
  where head_size in {64, 128, 256} and T in {bf16, f16}
  ref patdsl.reference:qk_norm_rope

op qk_norm_rope_kv_cache_update(a: int, g: int, qkv: T[N, W], positions: i64[*P], q_weight: T[D],
    k_weight: T[D], epsilon: float, cos_sin: C[L, R], neox: bool, layer: str)
    -> (dep: T[0], q_h: T[N, a, D], k_h: T[N, g, D])
  = vllm::fused_qk_norm_rope_and_unified_kv_cache_update(out q_h, out k_h, qkv, positions, q_weight, k_weight,
      epsilon, cos_sin, neox, layer) -> (dep)
  where D in {64, 128, 256} and T in {bf16, f16} and supports(layer, "qk_norm_rope_kvcache")
  effect kv_cache
  ref patdsl.reference:qk_norm_rope_kv_cache_update

op qk_norm_mrope_kv_cache_update(a: int, qkv: T[N, W], positions: i64[*P], q_weight: T[D], k_weight: T[D],
    epsilon: float, cos_sin: C[L, R], neox: bool, t: int, h: int, w: int, interleaved: bool, rotary_dim: int,
    layer: str)
    -> (dep: T[0], q_h: T[N, a, D])
  = vllm::fused_qk_norm_mrope_and_unified_kv_cache_update(out q_h, qkv, positions, q_weight, k_weight,
      epsilon, cos_sin, neox, t, h, w, interleaved, rotary_dim, layer) -> (dep)
  where D in {64, 128, 256} and T in {bf16, f16} and supports(layer, "qk_norm_mrope_kvcache")
      and rotary_dim == 2 * (t + h + w) and rotary_dim <= D and rotary_dim % (D / 32) == 0
      and (not neox or rotary_dim % (D / 16) == 0)
  effect kv_cache
  ref patdsl.reference:qk_norm_mrope_kv_cache_update

# One torch operator, one declaration for each meaning.
op attention(query: T[N, A, D], key: T[N, G, D]?, value: T[N, G, V]?, layer: str, dep: X[*E]? = none)
    -> (o: T[N, A, V])
  = vllm::unified_attention_with_output(query, key, value, out o, layer, none, none, dep)
  effect kv_cache read
  ref patdsl.reference:attention

op attention_static_quant(query: T[N, A, D], key: T[N, G, D]?, value: T[N, G, V]?, layer: str, scale: f32[*S],
    dep: X[*E]? = none)
    -> (q: fp8[N, A, V])
  = vllm::unified_attention_with_output(query, key, value, out q, layer, scale, none, dep)
  where supports(layer, "output_quant_fp8_static")
  effect kv_cache read
  ref patdsl.reference:attention_static_quant

op attention_nvfp4_quant(query: T[N, A, D], key: T[N, G, D]?, value: T[N, G, V]?, layer: str,
    global_scale: f32[*S], dep: X[*E]? = none)
    -> (q: u8[N, A, V / 2], scale: i32[*Z])
  = vllm::unified_attention_with_output(query, key, value, out q, layer, global_scale, out scale as f8e4m3fn,
      dep)  on sm_100+
  where supports(layer, "output_quant_nvfp4")
  effect kv_cache read
  ref patdsl.reference:attention_nvfp4_quant

op mla_attention(query: T[N, A, D], kv_c: T[N, C], k_pe: T[N, 1, R], layer: str, dep: X[*E]? = none)
    -> (o: T[N, O])
  = vllm::unified_mla_attention_with_output(query, kv_c, k_pe, out o, layer, none, none, dep)
  effect kv_cache read
  ref patdsl.reference:mla_attention

op mla_attention_static_quant(query: T[N, A, D], kv_c: T[N, C], k_pe: T[N, 1, R], layer: str, scale: f32[*S],
    dep: X[*E]? = none)
    -> (q: fp8[N, O])
  = vllm::unified_mla_attention_with_output(query, kv_c, k_pe, out q, layer, scale, none, dep)
  where supports(layer, "output_quant_fp8_static")
  effect kv_cache read
  ref patdsl.reference:mla_attention_static_quant

op mla_attention_nvfp4_quant(query: T[N, A, D], kv_c: T[N, C], k_pe: T[N, 1, R], layer: str,
    global_scale: f32[*S], dep: X[*E]? = none)
    -> (q: u8[N, O], scale: i32[*Z])
  = vllm::unified_mla_attention_with_output(query, kv_c, k_pe, out q, layer, global_scale,
      out scale as f8e4m3fn, dep)  on sm_100+
  where supports(layer, "output_quant_nvfp4")
  effect kv_cache read
  ref patdsl.reference:mla_attention_nvfp4_quant

op mla_attention_group_quant(query: T[N, A, D], kv_c: T[N, C], k_pe: T[N, 1, R], layer: str, group_size: int,
    col_major: bool, ue8m0: bool, tma_aligned: bool, dep: X[*E]? = none)
    -> (q: fp8[N, O], scale: f32[N, O / group_size])
  = vllm::unified_mla_attention_with_output(query, kv_c, k_pe, out q, layer, none, out scale, dep, group_size,
      ue8m0, col_major, tma_aligned)  on sm_80+
  where group_size in {64, 128} and supports(layer, "output_quant_fp8_group")
  effect kv_cache read
  ref patdsl.reference:mla_attention_group_quant
