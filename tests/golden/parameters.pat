# One pattern for each value; zipped ones take the values in pairs.
import lang (double, increment, both, spread, double_spread, affine, affine_twice)

pattern scales[s in {2.0, 4.0}] { affine(scale=s) -> double => affine_twice(scale=s) }

pattern pairs[(f, fused) in {(increment, both), (spread, double_spread)}](x: T[*B, H]) {
  d = double(x)
  r = f(d)
=>
  r = fused(x)
}
