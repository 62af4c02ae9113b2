# vLLM: rms_quant_fusion.py, 7 classes. RMSNormDynamicQuant, FusedAddRMSNormDynamicQuant, RMSNormGroupQuant
# and FusedAddRMSNormGroupQuant are the patterns of rocm_aiter_fusion.pat; the dtype check is `weight: T[H]`.
import ops_norm
import ops_quant
import rocm_aiter_fusion

# RMSNormStaticQuant
pattern rms_static_quant { rms_norm -> view? -> 1..x static_quant => rms_norm_static_quant }
# FusedAddRMSNormStaticQuant
pattern add_rms_static_quant { fused_add_rms_norm -> view? -> 1..x static_quant => add_rms_norm_static_quant }
# FusedAddRMSNormNvfp4Quant, both layouts
pattern add_rms_nvfp4_quant { fused_add_rms_norm -> view? -> nvfp4_quant => add_rms_norm_nvfp4_quant }

pass norm_quant on sm_80+, gfx942, gfx950 {
  rms_token_quant, add_rms_token_quant, rms_group_quant, add_rms_group_quant, rms_static_quant,
  add_rms_static_quant, add_rms_nvfp4_quant
}
