# Both orders of the operands are one match.
op total(x: T[*B], other: T[*B]) -> (y: T[*B])
  = aten::add.Tensor
  commutative

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op joined(x: T[*B], other: T[*B]) -> (y: T[*B])
  = lang::combine_twice

pattern commutative {
  d = double(x)
  y = total(d, other)
=>
  y = joined(x, other)
}
