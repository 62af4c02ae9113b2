# vLLM: mla_attn_quant_fusion.py, 3 classes.
import ops_quant
import ops_attention

# MLAAttnFp8StaticQuant
pattern mla_attn_static_quant { mla_attention -> view? -> static_quant => mla_attention_static_quant }
# MLAAttnNvfp4Quant
pattern mla_attn_nvfp4_quant {
  mla_attention -> view? -> nvfp4_quant(swizzled=true) => mla_attention_nvfp4_quant
}
# MLAAttnFp8GroupQuant, every flag captured and passed on
pattern mla_attn_group_quant { mla_attention -> view? -> group_quant => mla_attention_group_quant }

pass mla_attn_quant on sm_80+, gfx942, gfx950 {
  mla_attn_static_quant, mla_attn_nvfp4_quant, mla_attn_group_quant
}
