# vLLM's rms_quant_fusion.py, 7 classes, and the first seven of rocm_aiter_fusion.py: aiter's ops and `_C`'s are bindings
# of the same ops, one consumer or several are `1..x`, views are `view?`.
import vllm_ir
import nvfp4
import aiter (gated_rms_norm_heads_quant as gated_fused)
import rms_norm_quant
import gated_rms_norm_quant

# FusedAddRMSNormNvfp4QuantPattern, both layouts
pattern add_rms_norm_nvfp4_quant { fused_add_rms_norm -> view? -> nvfp4_quant => add_rms_norm_nvfp4_quant }

# AiterRMSNormGatedFp8GroupQuant of norms that torch code quantises head by head
pattern gated_rms_norm_heads_quant(x: T[*B, D], z: T[*B, D]) {
  y        = rms_norm_gated(x, z, weight, epsilon)
  q, scale = heads_quant(view(y, [M, N, D]))
=>
  f, s  = gated_fused(view(x, [_, D]), weight, view(z, [_, D]), epsilon)
  q     = view(f, [M, N, D])
  scale = view(s, [M, N])
}

# RMSNormStaticQuant, FusedAddRMSNormStaticQuant; RMSNormDynamicQuant, FusedAddRMSNormDynamicQuant and their Aiter twins;
# RMSNormGroupQuant, FusedAddRMSNormGroupQuant, AiterRMSFp8GroupQuant, DoubleAiterRMSFp8GroupQuant{,View},
# AiterFusedAddRMSFp8GroupQuant; AiterRMSNormGatedFp8GroupQuant
pass norm_quant {
  rms_norm_static_quant, rms_norm_token_quant, rms_norm_group_quant, rms_norm_mx_quant,
  add_rms_norm_static_quant, add_rms_norm_token_quant, add_rms_norm_group_quant, add_rms_norm_mx_quant,
  rms_norm_group_quant_layouts, add_rms_norm_group_quant_layouts, rms_norm_static_quant_keep,
  rms_norm_token_quant_keep, rms_norm_group_quant_keep, rms_norm_mx_quant_keep,
  add_rms_norm_static_quant_keep, add_rms_norm_token_quant_keep, add_rms_norm_group_quant_keep,
  add_rms_norm_mx_quant_keep, add_rms_norm_nvfp4_quant, gated_rms_norm_group_quant, gated_rms_norm_heads_quant
}
