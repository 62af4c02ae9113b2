# vLLM: qk_norm_rope_fusion.py, 1 class; the geometry is read off the graph, not the layers.
import ops_norm
import ops_attention

# QkNormRope
pattern qk_norm_rope {
  q, k, v  = split(qkv, [Q, K, K], -1)
  q_n      = rms_norm(view(q, [*B, Q / D, D]), q_weight, eps)
  k_n      = rms_norm(view(k, [*B, K / D, D]), k_weight, eps)
  q_r, k_r = rope(positions, view(q_n, [*B, Q]), view(k_n, [*B, K]), D, cos_sin, neox)
=>
  out         = qk_norm_rope(qkv, Q / D, K / D, K / D, D, eps, q_weight, k_weight, cos_sin, neox,
                  view(positions, [_]))
  q_r, k_r, v = split(out, [Q, K, K], -1)  # strides change: (Q, 1) becomes (Q + 2K, 1)
}

pass qk_norm_rope on sm_80+, gfx942, gfx950 { qk_norm_rope }
