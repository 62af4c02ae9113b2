# A list of tensors, and an op with a list of results.
op flip_halves(x: T[M, 2 * D]) -> (y: T[M, 2 * D])
  = lang::flip_halves

pattern flip(x: T[M, 2 * D]) {
  a, b = split(x, [D, D], -1)
  y    = cat([neg(b), a], -1)
=>
  y = flip_halves(x)
}
