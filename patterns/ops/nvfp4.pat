# Four-bit floats in blocks of 16, and what NVIDIA's kernels fuse with making them. Scales are bytes in tiles, held as
# i32, or in rows.

op nvfp4_quant(x: T[M, H], global_scale: f32[*S], swizzled: bool) -> (q: u8[M, H / 2], scale: tensor)
  = _C::scaled_fp4_quant.out(x, global_scale, swizzled, output=out q, output_scale=out scale)  on sm_100+
  ref patdsl.reference:nvfp4_quant

op silu_mul_nvfp4_quant(x: T[M, 2 * D], global_scale: f32[*S]) -> (q: u8[M, D / 2], scale: tensor)
  = _C::silu_and_mul_nvfp4_quant(out q, out scale, x, global_scale)  on sm_100+
  ref patdsl.reference:silu_mul_nvfp4_quant

op add_rms_norm_nvfp4_quant(x: T[M, H], residual: T[M, H], weight: T[H], epsilon: float,
    global_scale: f32[*S], swizzled: bool)
    -> (q: u8[M, H / 2], residual_out: T[M, H], scale: tensor)
  = vllm::flashinfer_fused_add_rms_norm_nvfp4_quant(out q, out scale, mut residual -> residual_out, x, weight,
      global_scale, temp f8e4m3fn[M, H / 16], swizzled, epsilon)  on sm_100+
  ref patdsl.reference:add_rms_norm_nvfp4_quant
