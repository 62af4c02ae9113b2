# vLLM's act_quant_fusion.py, 3 classes, and AiterSiluMulFp8GroupQuantPattern of rocm_aiter_fusion.py.
import vllm_ir
import nvfp4
import silu_mul_quant

# SiluMulNvfp4QuantPattern
pattern silu_mul_nvfp4_quant { silu_and_mul -> view? -> nvfp4_quant(swizzled=true) => silu_mul_nvfp4_quant }

# SiluMulFp8StaticQuantPattern; SiluMulBlockQuantPattern, AiterSiluMulFp8GroupQuantPattern
pass act_quant {
  silu_mul_static_quant, silu_mul_token_quant, silu_mul_group_quant, silu_mul_mx_quant, silu_mul_nvfp4_quant,
  gelu_mul_static_quant, gelu_mul_token_quant, gelu_mul_group_quant, gelu_mul_mx_quant
}
