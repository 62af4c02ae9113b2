# One name for all results of an op.
import lang (double, spread, double_spread)

pattern bundle {
  d    = double(x)
  pair = spread(d)
=>
  pair = double_spread(x)
}
