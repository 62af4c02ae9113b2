# Conditions over dims, captures, constants, hosts, and what tensors are.
import lang (double, affine, affine_twice)

const most = 64

host tp_size: int

pattern conditions(x: T[M, H], shift: T[M, H]) {
  a = affine(x, shift, scale)
  y = double(a)
=>
  y = affine_twice(x, shift, scale)
  where M <= most and H % 8 == 0
  where scale > 0.5 or scale in {0.25, 0.125}
  where dtype(x) in {f32, bf16} and rank(x) == 2 and numel(x) == M * H
  where contiguous(x) and device(x) == "cpu" and not tp_size > 1
}
