# Quantisation, activation, and their fusions.
import ops_norm

op group_quant(x: T[*B, H], group_size: int, col_major: bool = false, ue8m0: bool = false,
    tma_aligned: bool = false)
    -> (q: fp8[*B, H], scale: f32[*B, H / group_size])
  = vllm::rocm_aiter_group_fp8_quant(x, group_size, false)  on gfx942, gfx950
      if rank(x) == 2 and not col_major and not ue8m0 and not tma_aligned
  | _C::per_token_group_fp8_quant(x, out q, out scale, group_size, 1e-10, -fp8_max, fp8_max, ue8m0, col_major,
      tma_aligned)
  | {  # vLLM: QuantFP8._quantize_group_native
      g       = view(x, [_, H / group_size, group_size])
      amax, _ = max(abs(g), -1, true)
      s       = clamp(div(to(amax, f32), fp8_max), min=1 / (fp8_max * 512.0))
      q       = view(to(clamp(div(g, s), -fp8_max, fp8_max), fp8), [*B, H])
      scale   = view(s, [*B, H / group_size])
    }
  ref patdsl.reference:group_quant

op token_quant(x: T[*B, H], quant_dtype: dtype) -> (q: quant_dtype[*B, H], scale: f32[*B, 1])
  = vllm::rocm_aiter_per_token_quant(x, quant_dtype, none)  on gfx942, gfx950
  | _C::dynamic_per_token_scaled_fp8_quant(out q, x, out scale, none)  if quant_dtype == fp8
  | {
      scale = clamp(div(to(unsqueeze(amax(abs(x), [-1]), -1), f32), fp8_max), min=1 / (fp8_max * 512.0))
      q     = to(clamp(mul(to(x, f32), reciprocal(scale)), -fp8_max, fp8_max), fp8)
    }  if quant_dtype == fp8
  ref patdsl.reference:token_quant

op static_quant(x: T[*B, H], scale: f32[*S]) -> (q: fp8[*B, H])
  = _C::static_scaled_fp8_quant(out q, x, scale, [-1, -1])
  | vllm::rocm_aiter_per_tensor_quant(out q, x, same scale, false)  on gfx942, gfx950  # read, not written
  | { q = to(clamp(mul(to(x, f32), reciprocal(scale)), -fp8_max, fp8_max), fp8) }
  where numel(scale) == 1  # one scale for the whole tensor
  ref patdsl.reference:static_quant

op nvfp4_quant(x: T[M, H], global_scale: f32[*S], swizzled: bool) -> (q: u8[M, H / 2], scale: E[*G])
  = _C::scaled_fp4_quant.out(x, global_scale, swizzled, output=out q, output_scale=out scale)  on sm_100+
  ref patdsl.reference:nvfp4_quant

op silu_and_mul(x: T[*B, 2 * D]) -> (y: T[*B, D])
  = _C::silu_and_mul(out y, x)
  | { y = mul(silu(slice(x, -1, 0, D)), slice(x, -1, D, 2 * D)) }
  ref patdsl.reference:silu_and_mul

op silu_mul_static_quant(x: T[*B, 2 * D], scale: f32[*S]) -> (q: fp8[*B, D])
  = _C::silu_and_mul_quant(out q, x, scale)
  ref patdsl.reference:silu_mul_static_quant

op silu_mul_group_quant(x: T[M, 2 * D], group_size: int, col_major: bool = false)
    -> (q: fp8[M, D], scale: f32[M, D / group_size])
  = vllm::rocm_aiter_act_mul_and_fp8_group_quant(x, group_size)  on gfx942, gfx950  if not col_major
  | _C::silu_and_mul_per_block_quant(out q, x, out scale, group_size, none, col_major)  on sm_80+
  where group_size in {64, 128}
  ref patdsl.reference:silu_mul_group_quant

op silu_mul_nvfp4_quant(x: T[M, 2 * D], global_scale: f32[*S]) -> (q: u8[M, D / 2], scale: E[*G])
  = _C::silu_and_mul_nvfp4_quant(out q, out scale, x, global_scale)  on sm_100+
  ref patdsl.reference:silu_mul_nvfp4_quant
