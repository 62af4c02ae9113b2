# The aten ops that passes meet are declared already.
op silu_mul(x: T[*B], up: T[*B]) -> (y: T[*B])
  = lang::silu_mul

pattern silu_mul(x: T[*B, H], up: T[*B, H]) {
  y = mul(silu(x), up)
=>
  y = silu_mul(x, up)
}
