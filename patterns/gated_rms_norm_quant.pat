# An RMS norm for each head, gated by silu(z), and the group quantisation of the merged heads: one group a head, or several.
import vllm_ir
import aiter

pattern gated_rms_norm_group_quant(x: T[*B, D], z: T[*B, D]) {
  y        = rms_norm_gated(x, z, weight, epsilon)
  heads    = view(y, [M, N])
  q, scale = 1..x group_quant(heads, group_size)
=>
  f, s  = gated_rms_norm_group_quant(view(x, [_, D]), weight, view(z, [_, D]), epsilon, group_size)
  q     = view(f, [M, N])
  scale = view(s, [M, N / group_size])
  where N % D == 0 and D % group_size == 0
}
