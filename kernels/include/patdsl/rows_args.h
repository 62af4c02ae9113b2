// What a row kernel is given, and where in a row a thread's vectors are.
//
// In: nothing. Out: types. The vectors of a row go round the threads of its block: vector i of thread t is the
// (i * threads + t)th, so that neighbouring lanes read and write neighbouring memory, in 16 bits and in 8.
#pragma once

#include "patdsl/vectors.h"

namespace patdsl {

// When a kernel lets the one after it begin, which then waits in its first instructions.
enum class Next : unsigned char { kAtEnd, kAtStart, kAfterLoads, kAfterSum };

struct RowsArgs {
  const void* x;
  const void* other;
  const void* weight;
  void* q;
  void* scale;
  void* scale2;
  void* y;
  void* sum;
  Int64 x_stride, other_stride, q_stride, y_stride, sum_stride;
  Int64 scale_row_stride, scale_group_stride, scale2_row_stride, scale2_group_stride;
  int hidden, y_width, variance_size;
  float epsilon, inverse_size;  // 1 / variance_size
  int group;
  bool add, gated, gelu, ue8m0, int8, weight_f32, gemma;
  Next next;
  bool ahead;  // what a row needs is fetched while the kernel before this one ends
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
