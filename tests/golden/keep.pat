# `keep y`: the norm stays, for whoever else reads it.
import kernels (norm, quant, norm_quant)

pattern beside(x: T[*B, H], weight: T[H]) {
  y        = norm(x, weight, epsilon)
  q, scale = quant(y, group_size)
=>
  q, scale = norm_quant(x, weight, epsilon, group_size)
  keep y
}
