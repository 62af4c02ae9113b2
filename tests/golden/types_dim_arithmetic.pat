# Dims are expressions: `/` is exact, `ceil(a / b)` rounds up.
op join(x: T[M, A], other: T[M, C]) -> (y: T[M, A + C])
  = lang::join

op halve(x: T[M, 2 * D]) -> (y: T[M, D])
  = lang::halve

op shorten(x: T[M, H]) -> (y: T[M, H - 1])
  = lang::shorten

op blocks(x: T[M, H], size: int) -> (y: T[M, ceil(H / size)])
  = lang::blocks

op groups(x: T[M, H], size: int) -> (y: T[M, H / size])
  = lang::blocks

op halve_blocks(x: T[M, 2 * D], size: int) -> (y: T[M, ceil(D / size)])
  = lang::halve_blocks

op halve_groups(x: T[M, 2 * D], size: int) -> (y: T[M, D / size])
  = lang::halve_blocks

op join_shorten(x: T[M, A], other: T[M, C]) -> (y: T[M, A + C - 1])
  = lang::join_shorten

pattern rounded { halve -> blocks => halve_blocks }

pass rounded { rounded }

pattern exact { halve -> groups => halve_groups }

pass exact { exact }

pattern joined { join -> shorten => join_shorten }

pass joined { joined }
