// What a row kernel is given, and where in a row a thread's vectors are.
//
// In: nothing. Out: types. The vectors of a row go round the threads of its block: vector i of thread t is the
// (i * threads + t)th, so that neighbouring lanes read and write neighbouring memory, in 16 bits and in 8.
#pragma once

#include "patdsl/vectors.h"

namespace patdsl {

// Arguments come through a cache with lines of 64 bytes. What every kernel uses is in the first 112 bytes, two lines on
// NVIDIA GPUs, and of each line something is used before the wait for the kernel in front: nothing is missed after it.
struct RowsArgs {
  const void* x;
  const void* weight;
  void* q;
  Int64 q_stride;
  void* scale;
  Int64 scale_row_stride;

  Int64 x_stride;
  Int64 scale_group_stride;
  void* scale2;
  void* y;
  Int64 y_stride;
  float epsilon, inverse_size;  // 1 / variance_size
  int hidden, group;
  bool add, gated, ue8m0, int8, weight_f32, gemma;
  Next next;

  const void* other;
  void* sum;
  Int64 other_stride, sum_stride, scale2_row_stride, scale2_group_stride;
  int y_width, variance_size;
};

// A thread's row, where kVectors vectors of it begin, and how many elements each has in the row: 0 or 8 where rows are
// fast.
template <int kVectors, bool kRowFast>
struct Span {
  static constexpr int kCount = kVectors;
  static constexpr bool kFast = kRowFast;
  Int64 row;
  unsigned first[kVectors];
  int valid[kVectors];

  template <class Element>
  PATDSL_DEVICE Element* of(void* base, Int64 stride) const {
    return static_cast<Element*>(base) + row * stride;
  }

  template <class Element>
  PATDSL_DEVICE const Element* of(const void* base, Int64 stride) const {
    return static_cast<const Element*>(base) + row * stride;
  }
};

constexpr int kHeldThreads = 512;

// Threads that hold a row of kHidden elements (0: known when it runs) in kVectors vectors each, as waves of kLanesOfWave.
template <int kVectors, int kHidden, int kLanesOfWave>
inline constexpr int kRowThreads = kHidden == 0 ? kHeldThreads
                                                : (kHidden + kVectors * kLanes * kLanesOfWave - 1) /
                                                      (kVectors * kLanes * kLanesOfWave) * kLanesOfWave;

template <int kVectors, int kHidden>
PATDSL_DEVICE Span<kVectors, true> held_span(int hidden, unsigned first_thread) {
  constexpr int kThreads = kRowThreads<kVectors, kHidden, kWave>;
  Span<kVectors, true> span;
  span.row = block_x();
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const unsigned threads = kHidden ? kThreads : block_threads();
    span.first[i] = (i * threads + thread_x() - first_thread) * kLanes;
    const bool whole = kHidden == kThreads * kVectors * kLanes && kHidden > 0;
    span.valid[i] = whole || span.first[i] < static_cast<unsigned>(kHidden ? kHidden : hidden) ? kLanes : 0;
  }
  return span;
}

PATDSL_DEVICE int remaining(int hidden, int first) {
  const int rest = hidden - first;
  return rest < 0 ? 0 : (rest < kLanes ? rest : kLanes);
}

}  // namespace patdsl
