op scale_by(x: T[*B], factor: float) -> (y: T[*B])
  = lang::scale_by

pattern lost {
  y = scale_by(x)
=>
  y = neg(x)
}
