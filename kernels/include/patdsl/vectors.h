// Eight neighbouring 16-bit floats of a row: 16 bytes in memory, four words in registers.
//
// In: a pointer and how many of the eight the row still has. Out: the words; missing elements are zero. `kFast`: rows
// begin at 16-byte boundaries and have whole vectors, one access each. Otherwise element by element, any alignment.
#pragma once

#include "patdsl/platform.h"

namespace patdsl {

constexpr int kLanes = 8;  // elements in a vector

struct alignas(16) Vector {
  Word word[kLanes / 2];
};
// As many fp8 values as kVectors vectors have.
template <int kVectors>
struct alignas(kVectors > 1 ? 16 : 8) Bytes {
  Word word[kVectors * kLanes / 4];
};

template <bool kFast>
PATDSL_DEVICE Vector load(const unsigned short* from, int valid) {
  Vector out = {{0, 0, 0, 0}};
  if constexpr (kFast) {
    if (valid > 0) out = *reinterpret_cast<const Vector*>(from);
  } else {
#pragma unroll
    for (int i = 0; i < kLanes; ++i) {
      if (i < valid) out.word[i / 2] |= static_cast<Word>(from[i]) << (16 * (i % 2));
    }
  }
  return out;
}

template <bool kFast>
PATDSL_DEVICE void store(unsigned short* to, const Vector& from, int valid) {
  if constexpr (kFast) {
    if (valid > 0) *reinterpret_cast<Vector*>(to) = from;
  } else {
#pragma unroll
    for (int i = 0; i < kLanes; ++i) {
      if (i < valid) to[i] = static_cast<unsigned short>(from.word[i / 2] >> (16 * (i % 2)));
    }
  }
}

template <bool kFast, int kVectors>
PATDSL_DEVICE void store(unsigned char* to, const Bytes<kVectors>& from, int valid) {
  if constexpr (kFast) {
    if (valid > 0) *reinterpret_cast<Bytes<kVectors>*>(to) = from;
  } else {
#pragma unroll
    for (int i = 0; i < kVectors * kLanes; ++i) {
      if (i < valid) to[i] = static_cast<unsigned char>(from.word[i / 4] >> (8 * (i % 4)));
    }
  }
}

template <class T>
PATDSL_DEVICE void widen(const Vector& from, float (&to)[kLanes]) {
#pragma unroll
  for (int i = 0; i < kLanes / 2; ++i) {
    to[2 * i] = T::low(from.word[i]);
    to[2 * i + 1] = T::high(from.word[i]);
  }
}

template <class T>
PATDSL_DEVICE Vector narrow(const float (&from)[kLanes]) {
  Vector out;
#pragma unroll
  for (int i = 0; i < kLanes / 2; ++i) out.word[i] = T::pack(from[2 * i], from[2 * i + 1]);
  return out;
}

// Keeps the compiler from holding, across this point, what it worked out of `values` before: eight words instead of
// the sixteen that they widen to.
template <int kVectors>
PATDSL_DEVICE void forget(Vector (&values)[kVectors]) {
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
#pragma unroll
    for (int j = 0; j < kLanes / 2; ++j) opaque(values[i].word[j]);
  }
}

}  // namespace patdsl
