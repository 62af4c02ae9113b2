# The fused op reads the sum before it is rounded: where this value is rounded changes, and is declared.
import kernels (norm, add_norm)

pattern add_norm(x: T[*B, H], residual: T[*B, H], weight: T[H]) {
  r = add(x, residual)
  y = norm(r, weight, epsilon)
=>
  y, r = add_norm(x, residual, weight, epsilon)
  rounds r
}
