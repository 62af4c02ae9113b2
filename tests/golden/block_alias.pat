# `high = low`: from now on the one is the other.
import lang (double)

op spread_equal(x: T[*B]) -> (low: T[*B], high: T[*B])
  = lang::spread_equal

pattern alias(x: T[*B, H]) {
  low, high = spread_equal(x)
=>
  low  = double(x)
  high = low
}
