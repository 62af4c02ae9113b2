# `view(x, shape)`: layout ops that give this shape, even none; the last dimension may change.
import lang (double, increment, both)

pattern heads(x: T[M, H]) {
  d = double(x)
  v = view(d, [M, N, 16])
  y = increment(v)
=>
  y = both(view(x, [M, N, 16]))
}
