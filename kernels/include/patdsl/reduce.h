// Reductions over the lanes of a group and over the threads of a block.
//
// In: a value in every thread; all threads of the block take part. Out: the result in every thread.
#pragma once

#include "patdsl/platform.h"

namespace patdsl {

constexpr int kMaxThreads = 1024;

// The elementwise larger of two pairs of unsigned 16-bit numbers, over kCount neighbouring lanes (a power of two to 16).
template <int kCount>
PATDSL_DEVICE Word group_max(Word value) {
  if constexpr (kCount > 1) value = max_u16x2(value, exchange<1>(value));
  if constexpr (kCount > 2) value = max_u16x2(value, exchange<2>(value));
  if constexpr (kCount > 4) value = max_u16x2(value, exchange<4>(value));
  if constexpr (kCount > 8) value = max_u16x2(value, exchange<8>(value));
  return value;
}

struct alignas(16) Four {
  float value[4];
};

// One barrier, for blocks of at most kThreads. `partial` holds a float for each wave that such a block can have and is
// not used again by the block. Every slot is read, so that no loop stands between the barrier and the sum.
template <int kThreads>
PATDSL_DEVICE float block_sum(float value, Four (&partial)[kThreads / kWave / 4]) {
  constexpr int kSlots = kThreads / kWave;
  value = wave_sum(value);
  float* const slots = partial[0].value;
  const unsigned thread = thread_x();
  const unsigned waves = static_cast<unsigned>(block_threads()) / kWave;
  if (thread % kWave == 0) slots[thread / kWave] = value;
  if (thread >= waves && thread < kSlots) slots[thread] = 0.0f;
  block_barrier();
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kSlots / 4; ++i) {
    const Four four = partial[i];
    sum += (four.value[0] + four.value[1]) + (four.value[2] + four.value[3]);
  }
  return sum;
}

}  // namespace patdsl
