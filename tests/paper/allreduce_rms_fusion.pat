# vLLM: allreduce_rms_fusion.py, 17 classes. The OutputOnly twins are rule 4 (dead results); NVIDIA and AITER
# forms of one fusion are two bindings of one op; the dtype checks are `weight: T[H]`.
import ops_norm
import ops_quant
import ops_allreduce

# AllReduceRMSNorm, AiterAllreduceFusedRMSNorm
pattern ar_rms { all_reduce(group=tp_group) -> rms_norm => ar_rms_norm }
# AllReduceFusedAddRMSNorm, AiterAllreduceFusedAddRMSNorm, ...OutputOnly
pattern ar_add_rms { all_reduce(group=tp_group) -> fused_add_rms_norm => ar_add_rms_norm }
# AllReduceFusedRMSNormStaticQuantFP8
pattern ar_rms_static_quant {
  all_reduce(group=tp_group) -> rms_norm -> view? -> static_quant => ar_rms_norm_static_quant
}
# AllReduceFusedAddRMSNormStaticQuantFP8
pattern ar_add_rms_static_quant {
  all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> static_quant => ar_add_rms_norm_static_quant
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
  all_reduce(group=tp_group) -> rms_norm -> view? -> group_quant => ar_rms_norm_group_quant
}
# AiterAllreduceFusedAddRMSNormGroupQuantFP8
pattern ar_add_rms_group_quant {
  all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> group_quant => ar_add_rms_norm_group_quant
}
# AiterAllreduceFusedAddRMSNormGroupQuantWithIndexer: y is redefined, so the indexer gemm needs no mention.
# Where y is dead, the pattern above wins: it redefines less.
pattern ar_add_rms_group_quant_norm {
  all_reduce(group=tp_group) -> fused_add_rms_norm -> view? -> group_quant => ar_add_rms_norm_group_quant_norm
}
# AllReduceGemmaRMSNorm, AiterAllreduceFusedGemmaRMSNorm
pattern ar_gemma_rms {
  ar = all_reduce(x, tp_group)
  y  = rms_norm(ar, add(to(weight, f32), 1.0), eps)
=>
  y, ar = ar_rms_norm(x, weight, eps, gemma=true)
}
# AllReduceFusedAddGemmaRMSNorm, AiterAllreduceFusedAddGemmaRMSNorm, ...OutputOnly
pattern ar_add_gemma_rms {
  ar   = all_reduce(x, tp_group)
  y, r = fused_add_rms_norm(ar, residual, add(to(weight, f32), 1.0), eps)
=>
  y, r = ar_add_rms_norm(x, residual, weight, eps, gemma=true)
}

pass allreduce_rms on sm_90+, gfx942, gfx950 when tp_size > 1 and tokens <= ar_max_tokens {
  ar_rms, ar_add_rms, ar_rms_static_quant, ar_add_rms_static_quant, ar_rms_nvfp4_quant,
  ar_add_rms_nvfp4_quant, ar_rms_group_quant, ar_add_rms_group_quant, ar_add_rms_group_quant_norm,
  ar_gemma_rms, ar_add_gemma_rms
}
