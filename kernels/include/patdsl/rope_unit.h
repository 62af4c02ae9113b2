// What one thread does at a time with a head: reads two runs of it, turns them or not, writes them.
//
// In: a pointer to the first run, how far the second is from it. Out: both runs turned by their angles and rounded to
// T once, or as they were; in a cache, if that is fp8, the rounded values over its scale.
//
// Three forms. `neox` and `pairs`: runs of eight values at 16-byte boundaries, one access each; neox pairs value i of the
// first run with value i of the second, `pairs` (GPT-J) neighbours in a run. `elements`: runs of one value, any
// alignment, both pairings, and a second run that may not be there.
#pragma once

#include "patdsl/vectors.h"

namespace patdsl {

enum RopeForm { kNeox, kPairs, kElements };

template <int kForm>
constexpr int kRun = kForm == kElements ? 1 : kLanes;

// One value is the low half of word 0.
struct Runs {
  Vector first, second;
};

template <int kForm>
PATDSL_DEVICE Runs load_runs(const unsigned short* from, int distance, bool second) {
  Runs runs = {{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};
  if constexpr (kForm == kElements) {
    runs.first.word[0] = from[0];
    if (second) runs.second.word[0] = from[distance];
  } else {
    load16(runs.first.word, from);
    load16(runs.second.word, from + distance);
  }
  return runs;
}

template <int kForm>
PATDSL_DEVICE void store_runs(unsigned short* to, int distance, bool second, const Runs& runs) {
  if constexpr (kForm == kElements) {
    to[0] = static_cast<unsigned short>(runs.first.word[0]);
    if (second) to[distance] = static_cast<unsigned short>(runs.second.word[0]);
  } else {
    store<true>(to, runs.first, kLanes);
    store<true>(to + distance, runs.second, kLanes);
  }
}

// The inverse of a scale of any value in two parts, for `over_scale`, and a power of two that keeps both parts, and
// what they are multiplied with, from becoming subnormal where that matters: values are multiplied with it first.
//
// value * high + value * low, rounded once to fp32 and then to fp8, has the bits of the fp32 quotient rounded to fp8, for
// values of at most 11 significant bits: `test_all_quotients` tries them with all scales of a binade. (Some 300 of the
// 2^33 pairs are a unit of fp32 off, none of them beside the border between two fp8 values.) What over- or underflows
// on the way is past the largest fp8 value, or rounds to 0, as its quotient is and does.
struct Inverse {
  float factor, high, low;
};

PATDSL_DEVICE Inverse inverse(float scale) {
  constexpr Word kPower = 64u << 23;
  const Word exponent = as_bits(scale) >> 23 & 0xffu;
  const float factor = as_float((127u << 23) + (exponent < 27 ? kPower : exponent > 227 ? 0u - kPower : 0u));
  const float divisor = scale * factor, rounded = divide(1.0f, divisor);
  // A unit in the last place nearer to 0, so that `low` has the same sign: -0 stays -0, and infinity stays infinite.
  const float high = as_float(as_bits(rounded) - 1);
  const float low = fused_multiply_add(-divisor, high, 1.0f) * rounded;
  const bool normal = scale != 0.0f && exponent < 255;  // else the inverse is infinite, 0 or NaN
  return {factor, normal ? high : rounded, normal ? low : rounded};
}

PATDSL_DEVICE float quotient(float value, const Inverse& scale) {
  const float scaled = value * scale.factor;
  return fused_multiply_add(scaled, scale.high, scaled * scale.low);
}

// IEEE division and rounding to nearest even; what passes the largest fp8 value becomes it, NaN stays NaN.
template <class T>
PATDSL_DEVICE Bytes<1> over_scale(const Vector& values, const Inverse& scale) {
  float wide[kLanes];
  widen<T>(values, wide);
#pragma unroll
  for (int i = 0; i < kLanes; ++i) wide[i] = quotient(wide[i], scale);
  return {{fp8x4_saturated(wide[0], wide[1], wide[2], wide[3]), fp8x4_saturated(wide[4], wide[5], wide[6], wide[7])}};
}

template <class T, int kForm>
PATDSL_DEVICE void store_runs_fp8(unsigned char* to, int distance, bool second, const Runs& runs, const Inverse& scale) {
  if constexpr (kForm == kElements) {
    const float low = quotient(T::low(runs.first.word[0]), scale), high = quotient(T::low(runs.second.word[0]), scale);
    const Word bytes = fp8x4_saturated(low, high, 0.0f, 0.0f);
    to[0] = static_cast<unsigned char>(bytes);
    if (second) to[distance] = static_cast<unsigned char>(bytes >> 8);
  } else {
    store<true, 1>(to, over_scale<T>(runs.first, scale), kLanes);
    store<true, 1>(to + distance, over_scale<T>(runs.second, scale), kLanes);
  }
}

template <int kForm>
struct Angles {
  float cos[kRun<kForm>], sin[kRun<kForm>];
};

// Angles as they lie in memory: f32, or pairs of T in the first half of the words. Nothing waits for them yet.
template <int kForm>
struct RawAngles {
  Word cos[kRun<kForm>], sin[kRun<kForm>];
};

struct alignas(8) FourHalves {
  Word word[2];
};

// Four angles.
PATDSL_DEVICE void load_four(const unsigned short* from, Word* to) {
  const FourHalves four = *reinterpret_cast<const FourHalves*>(from);
  to[0] = four.word[0], to[1] = four.word[1];
}
PATDSL_DEVICE void load_four(const float* from, Word* to) {
  const Vector four = *reinterpret_cast<const Vector*>(from);
#pragma unroll
  for (int i = 0; i < 4; ++i) to[i] = four.word[i];
}

// Two times four angles, side by side or not.
template <bool kBeside>
PATDSL_DEVICE void load_eight(const unsigned short* first, const unsigned short* second, Word* to) {
  if constexpr (kBeside) {
    const Vector eight = *reinterpret_cast<const Vector*>(first);
#pragma unroll
    for (int i = 0; i < 4; ++i) to[i] = eight.word[i];
  } else {
    load_four(first, to), load_four(second, to + 2);
  }
}
template <bool kBeside>
PATDSL_DEVICE void load_eight(const float* first, const float* second, Word* to) {
  load_four(first, to), load_four(second, to + 4);
}

PATDSL_DEVICE Word load_one(const unsigned short* from) { return *from; }
PATDSL_DEVICE Word load_one(const float* from) { return as_bits(*from); }

// The angles of unit `unit` of a head: `row` has `half` cosines, then `half` sines.
template <int kForm, class Number>
PATDSL_DEVICE RawAngles<kForm> load_angles(const Number* row, int half, int unit) {
  RawAngles<kForm> raw = {};
  if constexpr (kForm == kElements) {
    raw.cos[0] = load_one(row + unit);
    raw.sin[0] = load_one(row + half + unit);
  } else {
    // The second run of `pairs` begins half way into the turned values, so at half of the angles.
    const int first = (kForm == kNeox ? kLanes : kLanes / 2) * unit;
    const int second = kForm == kNeox ? first + kLanes / 2 : first + half / 2;
    load_eight<kForm == kNeox>(row + first, row + second, raw.cos);
    load_eight<kForm == kNeox>(row + half + first, row + half + second, raw.sin);
  }
  return raw;
}

// As floats. Not `known`: NaN, which must not pass for a turned value.
template <class T, int kForm>
PATDSL_DEVICE Angles<kForm> widened(const RawAngles<kForm>& raw, bool f32, bool known) {
  Angles<kForm> angles;
  if (f32) {
#pragma unroll
    for (int i = 0; i < kRun<kForm>; ++i) angles.cos[i] = as_float(raw.cos[i]), angles.sin[i] = as_float(raw.sin[i]);
  } else {
#pragma unroll
    for (int i = 0; i < kRun<kForm>; ++i) {
      const Word cos = raw.cos[i / 2], sin = raw.sin[i / 2];
      angles.cos[i] = i % 2 ? T::high(cos) : T::low(cos);
      angles.sin[i] = i % 2 ? T::high(sin) : T::low(sin);
    }
  }
  if (known) return angles;
#pragma unroll
  for (int i = 0; i < kRun<kForm>; ++i) angles.cos[i] = as_float(0x7fc00000u);
  return angles;
}

// (a, b) becomes (a cos - b sin, b cos + a sin), each product and sum rounded to fp32 on its own, then to T.
template <class T, int kForm>
PATDSL_DEVICE void turn(Runs& runs, const Angles<kForm>& angles) {
  float a[kLanes] = {}, b[kLanes] = {};
  if constexpr (kForm == kPairs) {
#pragma unroll
    for (int i = 0; i < kLanes / 2; ++i) {
      a[i] = T::low(runs.first.word[i]), b[i] = T::high(runs.first.word[i]);
      a[kLanes / 2 + i] = T::low(runs.second.word[i]), b[kLanes / 2 + i] = T::high(runs.second.word[i]);
    }
  } else {
    widen<T>(runs.first, a);
    widen<T>(runs.second, b);
  }
#pragma unroll
  for (int i = 0; i < kRun<kForm>; ++i) {
    const float turned = product(a[i], angles.cos[i]) - product(b[i], angles.sin[i]);
    b[i] = product(b[i], angles.cos[i]) + product(a[i], angles.sin[i]);
    a[i] = turned;
  }
  if constexpr (kForm == kPairs) {
#pragma unroll
    for (int i = 0; i < kLanes / 2; ++i) {
      runs.first.word[i] = T::pack(a[i], b[i]);
      runs.second.word[i] = T::pack(a[kLanes / 2 + i], b[kLanes / 2 + i]);
    }
  } else if constexpr (kForm == kNeox) {
    runs.first = narrow<T>(a);
    runs.second = narrow<T>(b);
  } else {
    runs.first.word[0] = T::pack(a[0], 0.0f);
    runs.second.word[0] = T::pack(b[0], 0.0f);
  }
}

}  // namespace patdsl
