// silu and gelu of fp32 values.
//
// In: any value. Out: the function, with the errors that the comments give. NaN stays NaN.
#pragma once

#include "patdsl/platform.h"

namespace patdsl {

// a / (1 + e^-a), within (1.25 |a| + 8) 2^-24 of itself: what rounding the exponent makes of it, and the other steps.
// Below -87, where e^a is subnormal, it may be 0. Of -Inf it is NaN, as the division makes it.
PATDSL_DEVICE float silu(float a) {
  constexpr float kLog2E = 1.4426950408889634f;
  return a * reciprocal_guess(1.0f + exp2(-a * kLog2E));
}

// The error function within 3 * 2^-24: below 1 an odd polynomial, above it 1 - 2^(-x Q(x)). Both are least-maximum fits to
// double precision values of the function.
PATDSL_DEVICE float error_function(float a) {
  const float size = a < 0.0f ? -a : a;
  const float square = size * size;
  float small = -9.68013592e-06f;
  small = fused_multiply_add(small, square, 0.000112705442f);
  small = fused_multiply_add(small, square, -0.000848471129f);
  small = fused_multiply_add(small, square, 0.00522107491f);
  small = fused_multiply_add(small, square, -0.0268654451f);
  small = fused_multiply_add(small, square, 0.112837829f);
  small = fused_multiply_add(small, square, -0.376126379f);
  small = fused_multiply_add(small, square, 1.12837923f) * size;
  const float within = size < 4.0f ? size : 4.0f;  // 1 - erf(4) is less than half a step
  float large = -2.68444751e-06f;
  large = fused_multiply_add(large, within, 4.35662987e-05f);
  large = fused_multiply_add(large, within, -0.00027671826f);
  large = fused_multiply_add(large, within, 0.000608644506f);
  large = fused_multiply_add(large, within, 0.00289120758f);
  large = fused_multiply_add(large, within, -0.0310742036f);
  large = fused_multiply_add(large, within, 0.15063858f);
  large = fused_multiply_add(large, within, 0.917522848f);
  large = 1.0f - exp2(-within * fused_multiply_add(large, within, 1.62806547f));
  const float result = size < 1.0f ? small : large;
  return a < 0.0f ? -result : result;
}

// a / 2 * (1 + erf(a / sqrt 2)), within 2^-22 of a.
PATDSL_DEVICE float gelu(float a) {
  constexpr float kRootHalf = 0.70710678118654752f;
  return a * 0.5f * (1.0f + error_function(a * kRootHalf));
}

}  // namespace patdsl
