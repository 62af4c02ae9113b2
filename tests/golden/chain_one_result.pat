# One result on both sides corresponds, whatever it is called.
import lang (double, increment)

op other(x: T[*B, H]) -> (differently: T[*B, H])
  = lang::twice_plus_one

pattern other { double -> increment => other }
