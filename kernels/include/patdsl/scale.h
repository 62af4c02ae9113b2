// A scale of dynamic quantisation and its inverse, and the quantised values.
//
// In: the largest magnitude of a group or a row, as the bits of a 16-bit float; rounded values. Out: the scale and the
// bytes, bit for bit those of IEEE fp32 division and rounding to nearest even.
#pragma once

#include "patdsl/vectors.h"

namespace patdsl {

constexpr float kGroupAmaxMin = 1e-10f;
constexpr float kInt8Limit = 127.0f;
constexpr Word kInfinity = 0x7f800000u;

// The inverse of a scale in two parts, so that one rounding decides: value / scale = value * high + value * low.
//
// Where the quotient is not on the border between two fp8 values, it is at least 2^-16 of itself away from it: values and
// amax have at most 11 significant bits. On the border itself the rounding of the scale decides, by at least 2^-39 of
// the quotient, or the division is exact. The error here is below 2^-41. (Between two whole numbers it can be larger than
// what decides: int8 is divided.)
struct Scale {
  float value;
  float high, low;  // low is not negative, so that -0 stays -0
};

PATDSL_DEVICE Scale inverted(float value, bool infinite) {
  // Three units in the last place lower, so that it is too low for certain.
  const float high = as_float(as_bits(reciprocal_guess(value)) - 3);
  const float low = fused_multiply_add(-value, high, 1.0f) * high;
  // Of an infinite scale the inverse is 0: finite values then become 0 and infinite ones NaN.
  return {value, infinite ? 0.0f : high, infinite ? 0.0f : low};
}

// amax / limit, rounded correctly: Markstein's division, a guess, its exact remainder, one correction. It rounds every
// 16-bit float correctly for the limits 127, 224 and 448. Infinite and NaN are as they must be but for the remainder.
PATDSL_DEVICE float over_limit(float amax, float limit, float inverse_limit) {
  const float guess = amax * inverse_limit;
  const float exact = fused_multiply_add(fused_multiply_add(guess, limit, -amax), -inverse_limit, guess);
  return as_bits(amax) == kInfinity ? amax : exact;
}

// The scale of a group: max(amax, 1e-10) / limit.
template <class T>
PATDSL_DEVICE Scale group_scale(Word amax_bits, float limit, float inverse_limit) {
  float amax = T::low(amax_bits);
  amax = amax < kGroupAmaxMin ? kGroupAmaxMin : amax;  // keeps NaN
  return inverted(over_limit(amax, limit, inverse_limit), as_bits(amax) == kInfinity);
}

// The scale of a row in fp8: max(amax / limit, 1 / (512 limit)).
template <class T>
PATDSL_DEVICE Scale token_scale(Word amax_bits) {
  constexpr float kLeast = static_cast<float>(1.0 / (512.0 * static_cast<double>(kFp8Limit)));
  const float amax = T::low(amax_bits);
  const float found = over_limit(amax, kFp8Limit, 1.0f / kFp8Limit);
  return inverted(found < kLeast ? kLeast : found, as_bits(amax) == kInfinity);  // keeps NaN
}

// The least power of two that is not below the scale of a group, nor below 1e-10.
PATDSL_DEVICE Scale power_of_two(float scale) {
  const Word bits = as_bits(scale < kGroupAmaxMin ? kGroupAmaxMin : scale);  // keeps NaN
  const bool finite = (bits & kInfinity) != kInfinity;
  const Word power = finite ? (bits + 0x7fffffu) & kInfinity : bits;
  const float inverse = as_float((254u << 23) - power);
  return {as_float(power), finite ? inverse : bits == kInfinity ? 0.0f : as_float(bits), 0.0f};
}

// The inverse of the e8m0 scale of 32 values, and its byte: the scale is the least 2^(byte - 127) with amax <= limit *
// scale, byte 0 and up; 255 for NaN where amax is not finite. The limit is 1.75 * 2^8, or 1.75 * 2^7.
template <class T>
PATDSL_DEVICE float mx_inverse(Word amax_bits, Word& byte) {
  constexpr int kLimitExponent = kFnuz ? 7 : 8;
  const Word bits = as_bits(T::low(amax_bits));
  const bool finite = bits < kInfinity;
  const int exponent = static_cast<int>((bits + 0x1fffffu) >> 23) - kLimitExponent;  // 1 more above 1.75
  const Word least = exponent < 0 ? 0 : exponent;
  byte = finite ? least : 255u;
  return as_float(finite ? (254u - least) << 23 : 0x7fc00000u);
}

// The largest magnitudes of the even and of the odd elements, as bits. NaN has the largest bits of all and so wins.
template <class T>
PATDSL_DEVICE Word magnitudes(const Vector& values) {
  const Word low = T::larger(values.word[0], values.word[1]);
  const Word high = T::larger(values.word[2], values.word[3]);
  return T::larger(low, high) & 0x7fff7fffu;
}

// The larger of a pair.
PATDSL_DEVICE Word larger_half(Word pair) { return max_u16x2(pair, pair >> 16) & 0xffffu; }

PATDSL_DEVICE Bytes<1> fp8_bytes(const float (&values)[kLanes]) {
  Bytes<1> out;
  out.word[0] = fp8x4(values[0], values[1], values[2], values[3]);
  out.word[1] = fp8x4(values[4], values[5], values[6], values[7]);
  return out;
}

// Rounded to nearest even and limited to -128 .. 127; 0 for NaN.
PATDSL_DEVICE Bytes<1> int8_bytes(const float (&values)[kLanes]) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: the sum's last bits are the rounded number
  Bytes<1> out = {{0, 0}};
#pragma unroll
  for (int i = 0; i < kLanes; ++i) {
    float value = values[i] == values[i] ? values[i] : 0.0f;
    value = value > 127.0f ? 127.0f : value;
    value = value < -128.0f ? -128.0f : value;
    out.word[i / 4] |= (as_bits(value + kShift) & 0xffu) << (8 * (i % 4));
  }
  return out;
}

// values / scale.
template <class T>
PATDSL_DEVICE void divided(const Vector& values, const Scale& scale, float (&out)[kLanes]) {
  widen<T>(values, out);
#pragma unroll
  for (int i = 0; i < kLanes; ++i) out[i] = fused_multiply_add(out[i], scale.high, out[i] * scale.low);
}

}  // namespace patdsl
