# `fp8` is e4m3fnuz on gfx942, e4m3fn elsewhere.
import kernels (norm)

op token_quant(x: T[*B, H], quant_dtype: dtype) -> (q: quant_dtype[*B, H], scale: f32[*B, 1])
  = patdsl::token_quant

op norm_token_quant(x: T[*B, H], weight: T[H], epsilon: float, quant_dtype: dtype)
    -> (q: quant_dtype[*B, H], scale: f32[*B, 1])
  = patdsl::rms_norm_token_quant

pattern norm_fp8_quant { norm -> token_quant(quant_dtype=fp8) => norm_token_quant(quant_dtype=fp8) }
