// Reductions over the lanes of a group and over the threads of a block.
//
// In: a value in every thread; all threads of the block take part. Out: the result in every thread.
#pragma once

#include "patdsl/platform.h"

namespace patdsl {

constexpr int kMaxThreads = 1024;
constexpr int kMaxWaves = kMaxThreads / kWave;

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

// One barrier. `partial` holds kMaxWaves / 4 elements and is not used again by the block.
PATDSL_DEVICE float block_sum(float value, Four* partial) {
  value = wave_sum(value);
  const int waves = block_threads() / kWave;
  if (waves == 1) return value;
  float* const slots = partial[0].value;
  const int thread = thread_x();
  if (thread % kWave == 0) slots[thread / kWave] = value;
  if (thread >= waves && thread < kMaxWaves) slots[thread] = 0.0f;  // so that whole vectors can be read
  block_barrier();
  float sum = 0.0f;
  for (int i = 0; 4 * i < waves; ++i) {
    const Four four = partial[i];
    sum += (four.value[0] + four.value[1]) + (four.value[2] + four.value[3]);
  }
  return sum;
}

}  // namespace patdsl
