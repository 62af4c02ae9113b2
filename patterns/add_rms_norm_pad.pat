# A norm with the residual added, read by the router as it is and by the experts padded: one kernel pads, the router
# reads a slice. H + P is itself a multiple of H + P, so any hidden size and padding will do.
import vllm_ir
import aiter
import patdsl (rms_norm_pad)

pattern add_rms_norm_pad(x: T[M, H]) {
  y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
  p    = pad(y, [0, P], 0.0)
  l    = rocm_gemm(y, router, bias)
=>
  p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
  l    = rocm_gemm(slice(p, -1, 0, H), router, bias)
  where P > 0
}

# The same with the router as Inductor leaves torch's linear.
pattern add_rms_norm_pad_mm(x: T[M, H]) {
  y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
  p    = pad(y, [0, P], 0.0)
  l    = mm(y, router)
=>
  p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
  l    = mm(slice(p, -1, 0, H), router)
  where P > 0
}

# Norms that only the experts read.

pattern rms_norm_pad(x: T[*B, H]) {
  y = rms_norm(x, weight, epsilon, variance_size, gemma)
  p = pad(y, [0, P], 0.0)
=>
  p = rms_norm_pad(x, weight, epsilon, H + P, variance_size, gemma)
  where P > 0
}

pattern add_rms_norm_pad_alone(x: T[M, H]) {
  y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
  p    = pad(y, [0, P], 0.0)
=>
  p, r = add_rms_norm_pad(x, weight, epsilon, residual, H + P, variance_size, gemma)
  where P > 0
}

pass add_rms_norm_pad { add_rms_norm_pad, add_rms_norm_pad_mm, add_rms_norm_pad_alone, rms_norm_pad }
