# The dtype that the call is given is the dtype of its result.
import kernels (norm)

op token_quant(x: T[*B, H], quant_dtype: dtype) -> (q: quant_dtype[*B, H], scale: f32[*B, 1])
  = patdsl::token_quant

op norm_token_quant(x: T[*B, H], weight: T[H], epsilon: float, quant_dtype: dtype)
    -> (q: quant_dtype[*B, H], scale: f32[*B, 1])
  = patdsl::rms_norm_token_quant

pattern norm_token_quant { norm -> token_quant => norm_token_quant }
