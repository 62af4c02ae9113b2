# What the right side demands of its inputs becomes a guard: a weight of the dtype of x, for one.
op norm(x: T[*B, H], weight: W[H]?, epsilon: float) -> (y: T[*B, H])
  = patdsl::rms_norm

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op norm_twice(x: T[*B, H], weight: T[H], epsilon: float) -> (y: T[*B, H])
  = lang::norm_twice

pattern norm_twice { norm -> double => norm_twice }
