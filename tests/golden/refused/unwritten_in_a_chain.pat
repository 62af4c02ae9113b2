op scale_by(x: T[*B], factor: float) -> (y: T[*B])
  = lang::scale_by

pattern lost { scale_by -> neg => abs }
