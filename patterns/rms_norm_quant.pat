# RMS norm, alone or with the residual added first, and the quantisations that read it.
import vllm_ir
import aiter

pattern rms_norm_group_quant { rms_norm -> view? -> 1..x group_quant => rms_norm_group_quant }
pattern add_rms_norm_group_quant {
  fused_add_rms_norm -> view? -> 1..x group_quant => add_rms_norm_group_quant
}

pattern rms_norm_token_quant { rms_norm -> view? -> 1..x token_quant => rms_norm_token_quant }
pattern add_rms_norm_token_quant {
  fused_add_rms_norm -> view? -> 1..x token_quant => add_rms_norm_token_quant
}

pass rms_norm_quant {
  rms_norm_group_quant, add_rms_norm_group_quant, rms_norm_token_quant, add_rms_norm_token_quant
}
