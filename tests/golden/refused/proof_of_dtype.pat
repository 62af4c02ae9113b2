# The result would change its dtype.
op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op widened(x: T[*B]) -> (y: f32[*B])
  = lang::widened

pattern wider { double -> neg => widened }
