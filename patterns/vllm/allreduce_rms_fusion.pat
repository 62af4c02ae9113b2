# vLLM's allreduce_rms_fusion.py, 17 classes. The forms of NVIDIA and of aiter are bindings of one op; those without a
# residual result are dead results; the gemma forms are what `gemma` of the norm says.
import vllm_ir
import nvfp4 (nvfp4_quant)
import allreduce

# AllReduceRMSNorm, AllReduceGemmaRMSNorm, AiterAllreduceFusedRMSNorm, AiterAllreduceFusedGemmaRMSNorm
pattern ar_rms { all_reduce(group=tp_group) -> rms_norm => ar_rms_norm }

# AllReduceFusedAddRMSNorm, AllReduceFusedAddGemmaRMSNorm, AiterAllreduceFusedAdd{,Gemma}RMSNorm{,OutputOnly}
pattern ar_add_rms { all_reduce(group=tp_group) -> fused_add_rms_norm => ar_add_rms_norm }

# AllReduceFusedRMSNormStaticQuantFP8
pattern ar_rms_static_quant {
  all_reduce(group=tp_group) -> rms_norm -> view? -> 1..x static_quant => ar_rms_norm_static_quant
}

# AllReduceFusedAddRMSNormStaticQuantFP8
pattern ar_add_rms_static_quant {
  all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> 1..x static_quant
=>
  ar_add_rms_norm_static_quant
}

# AllReduceFusedRMSNormStaticQuantNVFP4
pattern ar_rms_nvfp4_quant {
  all_reduce(group=tp_group) -> rms_norm -> view? -> nvfp4_quant(swizzled=true) => ar_rms_norm_nvfp4_quant
}

# AllReduceFusedAddRMSNormStaticQuantNVFP4
pattern ar_add_rms_nvfp4_quant {
  all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> nvfp4_quant(swizzled=true)
=>
  ar_add_rms_norm_nvfp4_quant
}

# AiterAllreduceFusedRMSNormGroupQuantFP8
pattern ar_rms_group_quant {
  all_reduce(group=tp_group) -> rms_norm -> view? -> 1..x group_quant => ar_rms_norm_group_quant
}

# AiterAllreduceFusedAddRMSNormGroupQuantFP8
pattern ar_add_rms_group_quant {
  all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> 1..x group_quant => ar_add_rms_norm_group_quant
}

# AiterAllreduceFusedAddRMSNormGroupQuantWithIndexer: the norm is redefined, so that whoever else reads it may
pattern ar_add_rms_group_quant_norm {
  all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> 1..x group_quant
=>
  ar_add_rms_norm_group_quant_norm
}

pass allreduce_rms on gfx942, gfx950, sm_90+ when tp_size > 1 and tokens <= ar_max_tokens {
  ar_rms, ar_add_rms, ar_rms_static_quant, ar_add_rms_static_quant, ar_rms_nvfp4_quant,
  ar_add_rms_nvfp4_quant, ar_rms_group_quant, ar_add_rms_group_quant, ar_add_rms_group_quant_norm
}
