op norm(x: T[*B, H], weight: {bf16, f16}[H], epsilon: float) -> (y: T[*B, H])
  = patdsl::rms_norm

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op norm_twice(x: T[*B, H], weight: {bf16, f16}[H], epsilon: float) -> (y: T[*B, H])
  = lang::norm_twice

pattern norm_twice { norm -> double => norm_twice }
