# vLLM's mla_attn_quant_fusion.py, 3 classes.
import vllm_ir (static_quant, group_quant)
import nvfp4 (nvfp4_quant)
import attention

# MLAAttnFp8StaticQuantPattern
pattern mla_attn_static_quant(query: Q[N, A, D]) {
  o = mla_attention(query, kv_c, k_pe, layer, dep)
  q = static_quant(view(o, [N, F]), scale, fp8)
=>
  q = mla_attention_static_quant(query, kv_c, k_pe, layer, scale, F, dep)
}

# MLAAttnNvfp4QuantPattern
pattern mla_attn_nvfp4_quant(query: Q[N, A, D]) {
  o    = mla_attention(query, kv_c, k_pe, layer, dep)
  q, s = nvfp4_quant(view(o, [N, F]), scale, true)
=>
  q, s = mla_attention_nvfp4_quant(query, kv_c, k_pe, layer, scale, F, dep)
}

# MLAAttnFp8GroupQuantPattern, every flag taken over
pattern mla_attn_group_quant(query: Q[N, A, D]) {
  o    = mla_attention(query, kv_c, k_pe, layer, dep)
  q, s = group_quant(view(o, [N, F]), group_size, col_major, ue8m0, tma_aligned)
=>
  q, s = mla_attention_group_quant(query, kv_c, k_pe, layer, group_size, F, col_major, ue8m0, tma_aligned,
           dep)
}

pass mla_attn_quant on gfx942, gfx950, sm_80+ {
  mla_attn_static_quant, mla_attn_nvfp4_quant, mla_attn_group_quant
}
