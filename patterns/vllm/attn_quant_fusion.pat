# vLLM's attn_quant_fusion.py, 3 classes. RocmAttnFp8StaticQuantPattern is another spelling of static_quant.
import vllm_ir (static_quant)
import nvfp4 (nvfp4_quant)
import attention

# AttnFp8StaticQuantPattern, RocmAttnFp8StaticQuantPattern
pattern attn_static_quant {
  o = attention(query, key, value, layer, dep)
  q = static_quant(view(o, [N, F]), scale, fp8)
=>
  t = attention_static_quant(query, key, value, layer, scale, dep)
  q = view(t, [N, F])
}

# AttnNvfp4QuantPattern
pattern attn_nvfp4_quant(query: Q[N, A, D]) {
  o    = attention(query, key, value, layer, dep)
  q, s = nvfp4_quant(view(o, [N, F]), scale, true)
=>
  t, s = attention_nvfp4_quant(query, key, value, layer, scale, dep)
  q    = view(t, [N, F / 2])
}

pass attn_quant on gfx942, gfx950, sm_80+ { attn_static_quant, attn_nvfp4_quant }
