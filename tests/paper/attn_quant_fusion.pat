# vLLM: attn_quant_fusion.py, 3 classes. RocmAttnFp8StaticQuant is a second binding of static_quant.
import ops_quant
import ops_attention

# AttnFp8StaticQuant, RocmAttnFp8StaticQuant
pattern attn_static_quant {
  o = attention(query, key, value, layer, dep)
  q = static_quant(view(o, [N, F]), scale)
=>
  t = attention_static_quant(query, key, value, layer, scale, dep)
  q = view(t, [N, F])
}
# AttnNvfp4Quant
pattern attn_nvfp4_quant {
  o    = attention(query, key, value, layer, dep)
  q, s = nvfp4_quant(view(o, [N, F]), scale, true)
=>
  t, s = attention_nvfp4_quant(query, key, value, layer, scale, dep)
  q    = view(t, [N, F / 2])
}

pass attn_quant on sm_80+, gfx942, gfx950 { attn_static_quant, attn_nvfp4_quant }
