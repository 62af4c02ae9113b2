# `tensor` takes a number where aten does, on both sides.
import lang (double)

const twice = 2.0

pattern scaled(x: T[*B, H]) {
  y = mul(double(x), 3.0)
=>
  y = mul(x, twice * 3.0)
}
