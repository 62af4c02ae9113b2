// Dynamic quantisation to fp8 with one scale for kGroup neighbours of a row.
//
// In: rounded values, eight a thread, lanes in the order of the row. Out: the fp8 bytes and the scale, bit for bit
// those of `scale = max(amax, 1e-10) / limit` and `q = value / scale` in IEEE fp32 division, rounded to nearest even.
// No clamp: |value| <= amax, so the quotient passes the limit by less than half of fp8's last place.
#pragma once

#include "patdsl/reduce.h"
#include "patdsl/vectors.h"

namespace patdsl {

constexpr float kAmaxMin = 1e-10f;
constexpr Word kInfinity = 0x7f800000u;

// The largest magnitude of eight 16-bit floats, as its bits. NaN has the largest bits of all and so wins.
PATDSL_DEVICE Word magnitude(const Vector& values) {
  constexpr Word kNoSign = 0x7fff7fffu;
  const Word low = max_u16x2(values.word[0] & kNoSign, values.word[1] & kNoSign);
  const Word high = max_u16x2(values.word[2] & kNoSign, values.word[3] & kNoSign);
  const Word pair = max_u16x2(low, high);
  return max_u16x2(pair, pair >> 16) & 0xffffu;
}

struct Scale {
  float value;
  float divisor;  // `value`, but 0 where it is infinite: finite values then become 0 and infinite ones NaN
  float inverse;
};

// Division by Markstein: a guess with the reciprocal, the exact remainder, one correction. That rounds correctly here:
// amax has at most 11 significant bits, so no scale has a mantissa of ones, the one case in which it may not. The signs
// are such that -0 stays -0.
PATDSL_DEVICE float divide(float value, float divisor, float inverse) {
  const float guess = value * inverse;
  const float excess = fused_multiply_add(guess, divisor, -value);
  return fused_multiply_add(excess, -inverse, guess);
}

template <class T>
PATDSL_DEVICE Scale scale_of(Word amax_bits) {
  constexpr float kInverseLimit = 1.0f / kFp8Limit;
  float amax = T::low(amax_bits);
  amax = amax < kAmaxMin ? kAmaxMin : amax;  // keeps NaN
  const bool infinite = as_bits(amax) == kInfinity;
  Scale out;
  out.value = infinite ? amax : divide(amax, kFp8Limit, kInverseLimit);
  out.divisor = infinite ? 0.0f : out.value;
  out.inverse = infinite ? 0.0f : reciprocal(out.value);
  return out;
}

template <class T>
PATDSL_DEVICE Bytes quantise(const Vector& values, const Scale& scale) {
  float wide[kLanes];
  widen<T>(values, wide);
#pragma unroll
  for (int i = 0; i < kLanes; ++i) wide[i] = divide(wide[i], scale.divisor, scale.inverse);
  return {{fp8x4(wide[0], wide[1], wide[2], wide[3]), fp8x4(wide[4], wide[5], wide[6], wide[7])}};
}

// Where the results of one row go. Scales lie at `scale + group * group_stride`, which covers both layouts.
template <class T, int kGroup, bool kFast>
struct GroupQuant {
  static constexpr int kGroupLanes = kGroup / kLanes;

  unsigned char* q;
  float* scale;
  Int64 group_stride;

  // `values` begin at element `first` of the row, which has `valid` of them; every lane of the wave calls it.
  PATDSL_DEVICE void write(const Vector& values, Word amax_bits, int first, int valid) const {
    const Scale found = scale_of<T>(amax_bits);
    store<kFast>(q + first, quantise<T>(values, found), valid);
    if (first % kGroup == 0 && valid > 0) scale[first / kGroup * group_stride] = found.value;
  }
};

}  // namespace patdsl
