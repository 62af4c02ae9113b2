# vLLM's add_rms_fusion.py, 3 classes: what makes the graphs of the transformers backend look like vLLM's own models.
import vllm_ir

host transformers_backend: bool

# AddRMSNormPattern, both orders of the sum
pattern add_rms(branch: T[*B, H], residual: T[*B, H]) {
  r = add(branch, residual)
  y = rms_norm(r, weight, epsilon, variance_size, gemma)
=>
  y, r = fused_add_rms_norm(branch, residual, weight, epsilon, variance_size, gemma)
  rounds r
}

# RMSNormReshapePattern
pattern rms_reshape(x: T[*B, H]) {
  y = rms_norm(x, weight, epsilon, variance_size, gemma)
  f = view(y, [M, H])
=>
  f = rms_norm(view(x, [M, H]), weight, epsilon, variance_size, gemma)
  where rank(x) > 2
}

# FusedAddRMSNormReshapePattern
pattern add_rms_reshape(x: T[*B, H]) {
  y, r = fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
  f    = view(y, [M, H])
=>
  f, s = fused_add_rms_norm(view(x, [M, H]), view(residual, [M, H]), weight, epsilon, variance_size, gemma)
  r    = view(s, shape(x))
  where rank(x) > 2
}

pass add_rms_fusion when transformers_backend { add_rms }

pass rms_norm_reshape when transformers_backend { rms_reshape, add_rms_reshape }
