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

// The error function within 2 * 2^-24: below 1 an odd polynomial, above it 1 - 2^(-x Q(x)). Both are least-maximum fits to
// double precision values of the function.
PATDSL_DEVICE float error_function(float a) {
  const float size = a < 0.0f ? -a : a;
  const float square = size * size;
  float small = -0.000566015427f;
  small = fused_multiply_add(small, square, 0.00492478954f);
  small = fused_multiply_add(small, square, -0.0267177075f);
  small = fused_multiply_add(small, square, 0.112804115f);
  small = fused_multiply_add(small, square, -0.376123548f);
  small = fused_multiply_add(small, square, 1.12837911f) * size;
  const float within = size < 4.0f ? size : 4.0f;  // 1 - erf(4) is less than half a step
  float large = -0.000303229492f;
  large = fused_multiply_add(large, within, 0.00459227432f);
  large = fused_multiply_add(large, within, -0.0328733921f);
  large = fused_multiply_add(large, within, 0.151622474f);
  large = fused_multiply_add(large, within, 0.917332411f);
  large = 1.0f - exp2(-within * fused_multiply_add(large, within, 1.62804615f));
  const float result = size < 1.0f ? small : large;
  return a < 0.0f ? -result : result;
}

// a / 2 * (1 + erf(a / sqrt 2)), within 2^-22 of a.
PATDSL_DEVICE float gelu(float a) {
  constexpr float kRootHalf = 0.70710678118654752f;
  return a * 0.5f * (1.0f + error_function(a * kRootHalf));
}

}  // namespace patdsl
