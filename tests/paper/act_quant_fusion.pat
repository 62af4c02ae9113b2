# vLLM: act_quant_fusion.py, 3 classes; SiluMulBlockQuant is silu_mul_group_quant. Its kernel writes dense
# transposed scales, so a tma_aligned graph must not match: unwritten, it must be the default, false.
import ops_quant
import rocm_aiter_fusion

# SiluMulFp8StaticQuant
pattern silu_mul_static_quant { silu_and_mul -> view? -> 1..x static_quant => silu_mul_static_quant }
# SiluMulNvfp4Quant
pattern silu_mul_nvfp4_quant { silu_and_mul -> view? -> nvfp4_quant(swizzled=true) => silu_mul_nvfp4_quant }

pass act_quant on sm_80+, gfx942, gfx950 { silu_mul_static_quant, silu_mul_nvfp4_quant, silu_mul_group_quant }
