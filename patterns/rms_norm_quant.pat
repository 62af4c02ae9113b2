# RMS norm, alone or with the residual added first, and the quantisations that read it. Where something else reads the
# norm too, it is a further result of the fused op (`_keep`).
import vllm_ir
import aiter
import patdsl

pattern rms_norm_static_quant { rms_norm -> view? -> 1..x static_quant => rms_norm_static_quant }
pattern rms_norm_token_quant { rms_norm -> view? -> 1..x token_quant => rms_norm_token_quant }
pattern rms_norm_group_quant { rms_norm -> view? -> 1..x group_quant => rms_norm_group_quant }
pattern rms_norm_mx_quant { rms_norm -> view? -> 1..x mx_quant => rms_norm_mx_quant }

pattern add_rms_norm_static_quant {
  fused_add_rms_norm -> view? -> 1..x static_quant => add_rms_norm_static_quant
}
pattern add_rms_norm_token_quant {
  fused_add_rms_norm -> view? -> 1..x token_quant => add_rms_norm_token_quant
}
pattern add_rms_norm_group_quant {
  fused_add_rms_norm -> view? -> 1..x group_quant => add_rms_norm_group_quant
}
pattern add_rms_norm_mx_quant { fused_add_rms_norm -> view? -> 1..x mx_quant => add_rms_norm_mx_quant }

# Scales for two consumers: one reads them by rows, the other by columns.

pattern rms_norm_group_quant_layouts {
  y          = rms_norm(x, weight, epsilon, variance_size, gemma)
  q, scale   = 1..x group_quant(view?(y), group_size, false, ue8m0, quant_dtype=quant_dtype)
  p, scale_t = 1..x group_quant(view?(y), group_size, true, ue8m0, tma_aligned, quant_dtype)
=>
  q, scale, scale_t = rms_norm_group_quant_layouts(x, weight, epsilon, group_size, ue8m0, tma_aligned,
                        quant_dtype, variance_size, gemma)
  p                 = q
}

pattern add_rms_norm_group_quant_layouts {
  y, residual_out = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
  q, scale        = 1..x group_quant(view?(y), group_size, false, ue8m0, quant_dtype=quant_dtype)
  p, scale_t      = 1..x group_quant(view?(y), group_size, true, ue8m0, tma_aligned, quant_dtype)
=>
  q, residual_out, scale, scale_t = add_rms_norm_group_quant_layouts(x, residual, weight, epsilon, group_size,
                                      ue8m0, tma_aligned, quant_dtype, variance_size, gemma)
  p                               = q
}

pattern rms_norm_static_quant_keep { rms_norm -> view? -> 1..x static_quant => rms_norm_static_quant_keep }
pattern rms_norm_token_quant_keep { rms_norm -> view? -> 1..x token_quant => rms_norm_token_quant_keep }
pattern rms_norm_group_quant_keep { rms_norm -> view? -> 1..x group_quant => rms_norm_group_quant_keep }
pattern rms_norm_mx_quant_keep { rms_norm -> view? -> 1..x mx_quant => rms_norm_mx_quant_keep }

pattern add_rms_norm_static_quant_keep {
  fused_add_rms_norm -> view? -> 1..x static_quant => add_rms_norm_static_quant_keep
}
pattern add_rms_norm_token_quant_keep {
  fused_add_rms_norm -> view? -> 1..x token_quant => add_rms_norm_token_quant_keep
}
pattern add_rms_norm_group_quant_keep {
  fused_add_rms_norm -> view? -> 1..x group_quant => add_rms_norm_group_quant_keep
}
pattern add_rms_norm_mx_quant_keep {
  fused_add_rms_norm -> view? -> 1..x mx_quant => add_rms_norm_mx_quant_keep
}

pass rms_norm_quant {
  rms_norm_static_quant, rms_norm_token_quant, rms_norm_group_quant, rms_norm_mx_quant,
  add_rms_norm_static_quant, add_rms_norm_token_quant, add_rms_norm_group_quant, add_rms_norm_mx_quant,
  rms_norm_group_quant_layouts, add_rms_norm_group_quant_layouts, rms_norm_static_quant_keep,
  rms_norm_token_quant_keep, rms_norm_group_quant_keep, rms_norm_mx_quant_keep,
  add_rms_norm_static_quant_keep, add_rms_norm_token_quant_keep, add_rms_norm_group_quant_keep,
  add_rms_norm_mx_quant_keep
}
