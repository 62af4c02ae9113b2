// Conversions between fp32 and the shorter floats, in integers: what the machines do in one instruction.
//
// In: fp32 values or the bits of a shorter float. Out: the other. Rounds to nearest even; keeps NaN.
#pragma once

#include <cmath>
#include <cstring>

namespace simt {

inline unsigned bits_of(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float float_of(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// |value| as a float of `kMantissa` stored bits whose least normal number is 2^kLeast, as exponent and mantissa
// in one number. `value` is finite. Overflow is the caller's to see: the number is then larger than any of its finite ones.
template <int kMantissa, int kLeast>
unsigned magnitude_bits(float value) {
  const float size = std::fabs(value);
  int exponent = 0;
  std::frexp(size, &exponent);  // size = fraction * 2^exponent, fraction in [0.5, 1)
  const int place = exponent - 1 < kLeast ? kLeast : exponent - 1;
  const float steps = std::nearbyint(std::ldexp(size, kMantissa - place));  // exact but for this rounding
  const unsigned count = static_cast<unsigned>(steps);
  const unsigned one = 1u << kMantissa;
  return count < one ? count : (static_cast<unsigned>(place - kLeast) << kMantissa) + count;
}

struct Bf16Format {
  static unsigned round(float value) {
    const unsigned bits = bits_of(value);
    if (std::isnan(value)) return bits >> 16 | 0x40u;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  }
  static float widen(unsigned bits) { return float_of(bits << 16); }
};

struct F16Format {
  static unsigned round(float value) {
    const unsigned sign = bits_of(value) >> 16 & 0x8000u;
    if (std::isnan(value)) return sign | 0x7e00u;
    if (std::fabs(value) >= 65536.0f) return sign | 0x7c00u;
    return sign | magnitude_bits<10, -14>(value);
  }
  static float widen(unsigned bits) {
    const int exponent = static_cast<int>(bits >> 10 & 31u);
    const float mantissa = static_cast<float>(bits & 1023u);
    float size = std::ldexp(mantissa, -24);
    if (exponent == 31) size = mantissa == 0.0f ? INFINITY : NAN;
    else if (exponent > 0) size = std::ldexp(1024.0f + mantissa, exponent - 25);
    return bits & 0x8000u ? -size : size;
  }
};

// e4m3fn, or e4m3fnuz which has no negative zero. Past the limit e4m3fn stops at 448; e4m3fnuz becomes NaN past 240.
template <bool kFnuz>
unsigned fp8(float value) {
  const unsigned sign = bits_of(value) >> 24 & 0x80u;
  if (std::isnan(value)) return kFnuz ? 0x80u : sign | 0x7fu;
  if (kFnuz) {
    const unsigned size = std::fabs(value) < 256.0f ? magnitude_bits<3, -7>(value) : 0x80u;
    return size > 0x7fu ? 0x80u : size == 0 ? 0u : sign | size;
  }
  return sign | (std::fabs(value) < 448.0f ? magnitude_bits<3, -6>(value) : 0x7eu);
}

}  // namespace simt
