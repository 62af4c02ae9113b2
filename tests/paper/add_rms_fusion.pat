# vLLM: add_rms_fusion.py, 3 classes.
import ops_norm

# AddRMSNorm, both operand orders: add is commutative
pattern add_rms(branch: T[*B, H], residual: T[*B, H]) {
  r = add(branch, residual)
  y = rms_norm(r, weight, eps)
=>
  y, r = fused_add_rms_norm(branch, residual, weight, eps)
  rounds y  # the norm reads the sum before it is rounded
}
# RMSNormReshape
pattern rms_reshape(x: T[*B, H]) {
  y = rms_norm(x, weight, eps)
  f = view(y, [M, H])
=>
  f = rms_norm(view(x, [M, H]), weight, eps)
  where rank(x) > 2
}
# FusedAddRMSNormReshape
pattern add_rms_reshape(x: T[*B, H]) {
  y, r = fused_add_rms_norm(x, residual, weight, eps)
  f    = view(y, [M, H])
=>
  f, s = fused_add_rms_norm(view(x, [M, H]), view(residual, [M, H]), weight, eps)
  r    = view(s, [*B, H])
  where rank(x) > 2
}

pass add_rms_norm { add_rms }
pass rms_norm_reshape { rms_reshape, add_rms_reshape }
