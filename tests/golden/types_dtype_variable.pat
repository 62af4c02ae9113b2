# `T` is one dtype wherever it stands in a declaration; `W` may be another one.
op norm(x: T[*B, H], weight: T[H], epsilon: float) -> (y: T[*B, H])
  = patdsl::rms_norm

op norm_of_any_weight(x: T[*B, H], weight: W[H], epsilon: float) -> (y: T[*B, H])
  = patdsl::rms_norm

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op norm_twice(x: T[*B, H], weight: W[H], epsilon: float) -> (y: T[*B, H])
  = lang::norm_twice

pattern one { norm -> double => norm_twice }

pass one_dtype { one }

pattern two { norm_of_any_weight -> double => norm_twice }

pass two_dtypes { two }
