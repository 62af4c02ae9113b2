# One of the variants would change its shape.
op double(x: T[M, H]) -> (y: T[M, H])
  = lang::twice

op halve(x: T[M, 2 * D]) -> (y: T[M, D])
  = lang::halve

pattern shapes[f in {neg, halve}](x: T[M, 2 * D]) {
  d = double(x)
  y = f(d)
=>
  y = f(f(x))
}
