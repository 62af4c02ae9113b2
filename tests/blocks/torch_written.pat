# What models write in plain torch, as Inductor hands it to a post-grad pass, made into the ops that the library fuses.
import vllm_ir

op clamp_min(x: T[*B], min: float) -> (y: T[*B])
  = aten::clamp_min

op clamp_max(x: T[*B], max: float) -> (y: T[*B])
  = aten::clamp_max

# Llama's norm: in fp32, rounded before the weight and after it.
op torch_norm(x: T[*B, H], weight: T[H], epsilon: float) -> (y: T[*B, H])
  = {
      x32 = to(x, f32)
      n   = mul(x32, rsqrt(add(mean(pow(x32, 2), [-1], true), epsilon)))
      y   = mul(weight, to(n, T))
    }
  | {
      n = mul(x, rsqrt(add(mean(pow(x, 2), [-1], true), epsilon)))
      y = mul(weight, n)
    }  if dtype(x) == f32
  ref patdsl.reference:rms_norm

# The smallest scale is 1 / (512 * 448).
op torch_token_quant(x: T[*B, H]) -> (q: f8e4m3fn[*B, H], scale: f32[*B, 1])
  = {
      wide  = to(x, f32)
      scale = clamp_min(div(amax(abs(wide), [-1], true), 448.0), 1.0 / 229376.0)
      q     = to(clamp_max(clamp_min(div(wide, scale), -448.0), 448.0), f8e4m3fn)
    }
  | {
      scale = clamp_min(div(amax(abs(x), [-1], true), 448.0), 1.0 / 229376.0)
      q     = to(clamp_max(clamp_min(div(x, scale), -448.0), 448.0), f8e4m3fn)
    }  if dtype(x) == f32

pattern torch_norm { torch_norm => rms_norm }

pattern torch_token_quant(x: T[*B, H]) {
  q, scale = torch_token_quant(x)
=>
  q, scale = token_quant(x, f8e4m3fn)
}

pass torch_written { torch_norm, torch_token_quant }
