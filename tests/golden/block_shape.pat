# `shape(x)` is the shape of a value, and `_` the one dim of a view that is left over.
import lang (double, increment, both)

pattern reshaped(x: T[M, N, H]) {
  d = double(x)
  v = view(d, [M, N * H])
  y = increment(v)
=>
  b = both(view(x, [M, _]))
  y = view(b, shape(v))
}
