# Norms, activations and quantisation as model graphs spell them: vLLM's IR ops, its custom ops, our own, and the
# plain torch that Inductor leaves of them.

const fp8_max = 448.0 | 224.0 on gfx942

# Norms

op rms_norm(x: T[*B, H], weight: W[H]?, epsilon: float, variance_size: int? = none, gemma: bool = false)
    -> (y: T[*B, H])
  = vllm_ir::rms_norm(x, weight, epsilon, variance_size)  if not gemma
  | vllm_ir::rms_norm(x, add(to(weight, f32), 1.0), epsilon, variance_size)  if gemma
  | patdsl::rms_norm
  ref patdsl.reference:rms_norm

# The norm reads the sum before it is rounded.
op fused_add_rms_norm(x: T[*B, H], residual: T[*B, H], weight: W[H]?, epsilon: float,
    variance_size: int? = none, gemma: bool = false)
    -> (y: T[*B, H], residual_out: T[*B, H])
  = vllm_ir::fused_add_rms_norm(x, residual, weight, epsilon, variance_size)  if not gemma
  | vllm_ir::fused_add_rms_norm(x, residual, add(to(weight, f32), 1.0), epsilon, variance_size)  if gemma
  | patdsl::fused_add_rms_norm
  | patdsl::fused_add_rms_norm_(mut x -> y, mut residual -> residual_out, weight, epsilon)
      if variance_size == none and not gemma
  ref patdsl.reference:fused_add_rms_norm

op rms_norm_gated(x: T[*B, D], z: T[*B, D], weight: W[D], epsilon: float) -> (y: T[*B, D])
  = patdsl::rms_norm_gated
  | {
      x32 = to(x, f32)
      n   = mul(x32, rsqrt(add(mean(pow(x32, 2), [-1], true), epsilon)))
      y   = to(mul(mul(n, to(weight, f32)), silu(to(z, f32))), T)
    }
  ref patdsl.reference:rms_norm_gated

# Activations

op silu_and_mul(x: T[*B, 2 * D]) -> (y: T[*B, D])
  = patdsl::silu_and_mul
  | _C::silu_and_mul(out y, x)
  | patdsl::silu_and_mul_out(out y, x)
  | { y = mul(silu(slice(x, -1, 0, D)), slice(x, -1, D, 2 * D)) }
  | {
      gate, up = split(x, [D, D], -1)
      y        = mul(silu(gate), up)
    }
  ref patdsl.reference:silu_and_mul

op gelu_and_mul(x: T[*B, 2 * D]) -> (y: T[*B, D])
  = patdsl::gelu_and_mul
  | _C::gelu_and_mul(out y, x)
  ref patdsl.reference:gelu_and_mul

# Quantisation

op saturated(x: T[*B]) -> (y: T[*B])
  = { y = clamp(x, -fp8_max, fp8_max) }
  | { y = clamp(clamp(x, -fp8_max), max=fp8_max) }

op group_quant(x: T[*B, H], group_size: int, col_major: bool = false, ue8m0: bool = false,
    tma_aligned: bool = false, quant_dtype: dtype = fp8)
    -> (q: quant_dtype[*B, H], scale: f32[*B, H / group_size])
  = vllm::rocm_aiter_group_fp8_quant(x, group_size, false)  on gfx942, gfx950
      if rank(x) == 2 and not col_major and not ue8m0 and not tma_aligned and quant_dtype == fp8
  | _C::per_token_group_fp8_quant(x, out q, out scale, group_size, 1e-10, -fp8_max, fp8_max, ue8m0, col_major,
      tma_aligned)  if quant_dtype == fp8
  | patdsl::group_quant(x, group_size, col_major, ue8m0, tma_aligned)  if quant_dtype == fp8
  | patdsl::group_quant(x, group_size, col_major, ue8m0, tma_aligned, quant_dtype)
  ref patdsl.reference:group_quant

# What torch code makes of it where the groups are heads already. It has a floor under the scale.
op heads_quant(x: T[M, N, D]) -> (q: fp8[M, N, D], scale: f32[M, N])
  = {
      most, _ = max(abs(x), -1, true)
      s       = clamp(div(to(most, f32), fp8_max), 1.0 / (fp8_max * 512.0))
      q       = to(saturated(div(x, s)), fp8)
      scale   = view(s, [M, N])
    }

op token_quant(x: T[*B, H], quant_dtype: dtype) -> (q: quant_dtype[*B, H], scale: f32[*B, 1])
  = vllm::rocm_aiter_per_token_quant(x, quant_dtype, none)  on gfx942, gfx950
  | _C::dynamic_per_token_scaled_fp8_quant(out q, x, out scale, none)  if quant_dtype == fp8
  | _C::dynamic_scaled_int8_quant(out q, x, out scale, none)  if quant_dtype == i8
  | patdsl::token_quant
  ref patdsl.reference:token_quant

op static_quant(x: T[*B, H], scale: f32[*S], quant_dtype: dtype = fp8) -> (q: quant_dtype[*B, H])
  = _C::static_scaled_fp8_quant(out q, x, scale, [-1, -1])  if quant_dtype == fp8
  | _C::static_scaled_fp8_quant(out q, x, scale)  if quant_dtype == fp8
  | vllm::rocm_aiter_per_tensor_quant(out q, x, same scale, false)  on gfx942, gfx950  if quant_dtype == fp8
  | _C::static_scaled_int8_quant(out q, x, scale, none)  if quant_dtype == i8
  | { q = to(saturated(mul(to(x, f32), reciprocal(scale))), quant_dtype) }  if quant_dtype == fp8
  | patdsl::static_quant(x, scale)  if quant_dtype == fp8
  | patdsl::static_quant(x, scale, quant_dtype)
  where numel(scale) == 1
  ref patdsl.reference:static_quant

# Scales are bytes: exponents of powers of two.
op mx_quant(x: T[*B, H]) -> (q: fp8[*B, H], scale: u8[*B, H / 32])
  = patdsl::mx_quant
  ref patdsl.reference:mx_quant

# Projections

op rocm_gemm(x: T[*B, H], weight: T[N, H], bias: T[N]? = none) -> (y: T[*B, N])
  = vllm::rocm_unquantized_gemm
  ref patdsl.reference:linear
