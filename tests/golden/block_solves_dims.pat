# Names in a list bind by solving: `Q` is a size of the first split, `R` what `C` leaves of the second.
op middle(x: T[M, A], start: int, size: int) -> (y: T[M, size])
  = lang::negated_part

pattern negated(x: T[M, A]) {
  q, rest = split(x, [Q, C + R], -1)
  c, r    = split(rest, [C, R], -1)
  n       = neg(c)
=>
  n = middle(x, Q, C)
}
