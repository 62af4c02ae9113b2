// Dynamic quantisation to fp8 with one scale for kGroup neighbours of a row.
//
// In: rounded values, eight a vector, lanes in the order of the row. Out: the fp8 bytes and the scale, bit for bit those
// of `scale = max(amax, 1e-10) / limit` and `q = value / scale` in IEEE fp32 division, rounded to nearest even.
// No clamp: |value| <= amax, so the quotient passes the limit by less than half of fp8's last place.
#pragma once

#include "patdsl/reduce.h"
#include "patdsl/vectors.h"

namespace patdsl {

constexpr float kAmaxMin = 1e-10f;
constexpr Word kInfinity = 0x7f800000u;

// The largest magnitudes of the even and of the odd elements, as bits. NaN has the largest bits of all and so wins.
template <class T, int kVectors>
PATDSL_DEVICE Word magnitudes(const Vector (&values)[kVectors]) {
  Word largest = 0;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const Word low = T::larger(values[i].word[0], values[i].word[1]);
    const Word high = T::larger(values[i].word[2], values[i].word[3]);
    largest = i == 0 ? T::larger(low, high) : T::larger(largest, T::larger(low, high));
  }
  return largest & 0x7fff7fffu;
}

// The inverse of a scale in two parts, so that one rounding decides: value / scale = value * high + value * low.
//
// Where the quotient is not on the border between two fp8 values, it is at least
// 2^-16 of itself away from it: values and amax have at most 11 significant bits. On the border itself the rounding of
// the scale decides, by at least 2^-39 of the quotient, or the division is exact. The error here is below 2^-41.
struct Scale {
  float value;
  float high, low;  // low is not negative, so that -0 stays -0
};

template <class T>
PATDSL_DEVICE Scale scale_of(Word amax_bits) {
  constexpr float kInverseLimit = 1.0f / kFp8Limit;
  float amax = T::low(amax_bits);
  amax = amax < kAmaxMin ? kAmaxMin : amax;  // keeps NaN
  const bool infinite = as_bits(amax) == kInfinity;
  // Markstein's division: a guess, its exact remainder, one correction, which rounds correctly for this divisor.
  const float guess = amax * kInverseLimit;
  const float quotient = fused_multiply_add(fused_multiply_add(guess, kFp8Limit, -amax), -kInverseLimit, guess);
  // Three units in the last place lower, so that it is too low for certain.
  const float high = as_float(as_bits(reciprocal_guess(quotient)) - 3);
  const float low = fused_multiply_add(-quotient, high, 1.0f) * high;
  // Of an infinite scale the inverse is 0: finite values then become 0 and infinite ones NaN.
  return {infinite ? amax : quotient, infinite ? 0.0f : high, infinite ? 0.0f : low};
}

template <class T, int kVectors>
PATDSL_DEVICE Bytes<kVectors> quantise(const Vector (&values)[kVectors], const Scale& scale) {
  Bytes<kVectors> out;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    float wide[kLanes];
    widen<T>(values[i], wide);
#pragma unroll
    for (int j = 0; j < kLanes; ++j) {
      wide[j] = fused_multiply_add(wide[j], scale.high, wide[j] * scale.low);
    }
    out.word[2 * i] = fp8x4(wide[0], wide[1], wide[2], wide[3]);
    out.word[2 * i + 1] = fp8x4(wide[4], wide[5], wide[6], wide[7]);
  }
  return out;
}

// Where the results of one row go. Scales lie at `scale + group * group_stride`, which covers both layouts.
template <class T, int kGroup, bool kFast>
struct GroupQuant {
  unsigned char* q;
  float* scale;
  Int64 group_stride;

  // `values` begin at element `first` of the row and end before `first + valid`; lanes follow one another in the row.
  // Every lane of the wave calls it; one with nothing valid gives zeros to the maximum, whatever its values.
  template <int kVectors>
  PATDSL_DEVICE void write(const Vector (&values)[kVectors], unsigned first, int valid) const {
    const Word pair = group_max<kGroup / (kLanes * kVectors)>(valid > 0 ? magnitudes<T>(values) : 0);
    const Scale found = scale_of<T>(max_u16x2(pair, pair >> 16) & 0xffffu);
    const Bytes<kVectors> bytes = quantise<T>(values, found);
    store<kFast>(q + first, bytes, valid);
    if (first % kGroup == 0 && valid > 0) scale[first / kGroup * group_stride] = found.value;
  }
};

}  // namespace patdsl
