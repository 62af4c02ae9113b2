# A fan-out in a block: `q` and `scale` have a value in each branch.
import kernels

pattern fan_out(x: T[*B, H], weight: T[H]) {
  y        = norm(x, weight, epsilon)
  q, scale = 2x quant(y, group_size)
=>
  q, scale = 2x norm_quant(x, weight, epsilon, group_size)
}
