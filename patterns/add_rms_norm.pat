# A residual added before a norm. The fused op's norm reads the sum before it is rounded: said by `rounds`.
import vllm_ir

pattern add_rms_norm(branch: T[*B, H], residual: T[*B, H]) {
  r = add(branch, residual)
  y = rms_norm(r, weight, epsilon)
=>
  y, r = fused_add_rms_norm(branch, residual, weight, epsilon)
  rounds r
}

pass add_rms_norm { add_rms_norm }
