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

// The same for 4, 8 or 16 lanes, as many in every lane of the wave.
PATDSL_DEVICE Word group_max(Word value, int count) {
  value = group_max<4>(value);
  if (count > 4) value = max_u16x2(value, exchange<4>(value));
  if (count > 8) value = max_u16x2(value, exchange<8>(value));
  return value;
}

// The sum over 16 neighbouring lanes.
PATDSL_DEVICE float group_sum(float value) {
  value += as_float(exchange<1>(as_bits(value)));
  value += as_float(exchange<2>(as_bits(value)));
  value += as_float(exchange<4>(as_bits(value)));
  value += as_float(exchange<8>(as_bits(value)));
  return value;
}

struct alignas(16) Four {
  Word value[4];
};

// A block of kMost threads at most, or with kExact of just so many. `slots` hold a word for each wave, and are not used
// again by the block. Every slot is read, so that no loop stands between the barrier and the result.
template <int kMost, bool kExact>
struct BlockSlots {
  static constexpr int kWaves = (kMost + kWave - 1) / kWave;
  static constexpr int kFours = (kWaves + 3) / 4;
  using Slots = Four[kFours];

  // Every wave's value, 0 where there is no wave.
  static PATDSL_DEVICE void share(Word value, Slots& slots) {
    const unsigned thread = thread_x();
    Word* const words = slots[0].value;
    if (thread % kWave == 0) words[thread / kWave] = value;
    const unsigned waves = kExact ? kWaves : static_cast<unsigned>(block_threads()) / kWave;
    if (waves < 4 * kFours && thread >= waves && thread < 4 * kFours) words[thread] = 0;
    block_barrier();
  }

  // One order of addition whatever kMost is: adding the zeros of absent waves changes nothing.
  static PATDSL_DEVICE float sum(float value, Slots& slots) {
    value = wave_sum(value);
    if constexpr (kExact && kWaves == 1) return value;
    share(as_bits(value), slots);
    float total = 0.0f;
#pragma unroll
    for (int i = 0; i < kFours; ++i) {
      const Four four = slots[i];
      const float part =
          (as_float(four.value[0]) + as_float(four.value[1])) + (as_float(four.value[2]) + as_float(four.value[3]));
      total = i == 0 ? part : total + part;
    }
    return total;
  }

  // The elementwise larger of two pairs of unsigned 16-bit numbers.
  static PATDSL_DEVICE Word max_u16x2(Word value, Slots& slots) {
    value = wave_max_u16x2(value);
    if constexpr (kExact && kWaves == 1) return value;
    share(value, slots);
    Word largest = 0;
#pragma unroll
    for (int i = 0; i < kFours; ++i) {
      const Four four = slots[i];
#pragma unroll
      for (int j = 0; j < 4; ++j) largest = patdsl::max_u16x2(largest, four.value[j]);
    }
    return largest;
  }
};

}  // namespace patdsl
