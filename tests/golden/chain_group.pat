# Two consumers of one value.
import lang (double, increment, spread)

op group(x: T[*B, H]) -> (y: T[*B, H], low: T[*B, H], high: T[*B, H])
  = lang::double_group

pattern group { double -> (increment, spread) => group }
