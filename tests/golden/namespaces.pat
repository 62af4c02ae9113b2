# Patterns, passes and values have namespaces of their own: one word may name one of each.
import lang (double, increment)

op fuse(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice_plus_one

pattern fuse { double -> increment => fuse }

pass fuse { fuse }
