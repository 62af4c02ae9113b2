// The lane primitives on their own: one block, one word in and out a thread.
//
// In: which primitive, how many threads, their words. Out: what each thread got. For tests, on the host and on devices.
#pragma once

#include "patdsl/reduce.h"

struct PatdslLanesCall {
  const patdsl::Word* in;  // [threads]
  patdsl::Word* out;       // [threads]
  patdsl::Int64 threads, primitive, device, stream;
};

namespace patdsl {

struct LanesArgs {
  const Word* in;
  Word* out;
};

enum Primitive {
  kExchange1,
  kExchange2,
  kExchange4,
  kExchange8,
  kGroup2,
  kGroup4,
  kGroup8,
  kGroup16,
  kAnyGroup4,
  kAnyGroup8,
  kAnyGroup16,
  kWaveSum,
  kWaveMax,
  kBlockSum,
  kBlockMax,
  kExactSum,  // of a block that is known to have kExactThreads
  kExactMax,
  kOneWaveSum,  // of a block that is known to be one wave
  kOneWaveMax,
  kGroupSum,
  kPrimitives
};

constexpr int kExactThreads = 192;  // whole waves of either size, and some slots without one

template <int kPrimitive>
PATDSL_KERNEL(kMaxThreads, 1)
void lanes(LanesArgs args) {
  using Any = BlockSlots<kMaxThreads, false>;
  using Exact = BlockSlots<kExactThreads, true>;
  using OneWave = BlockSlots<kWave, true>;
  PATDSL_SHARED(Four, any_slots, Any::kFours);
  PATDSL_SHARED(Four, exact_slots, Exact::kFours);
  PATDSL_SHARED(Four, one_slots, OneWave::kFours);
  const Word in = args.in[thread_x()];
  const float number = as_float(in);
  Word out = 0;
  if constexpr (kPrimitive == kExchange1) out = exchange<1>(in);
  if constexpr (kPrimitive == kExchange2) out = exchange<2>(in);
  if constexpr (kPrimitive == kExchange4) out = exchange<4>(in);
  if constexpr (kPrimitive == kExchange8) out = exchange<8>(in);
  if constexpr (kPrimitive == kGroup2) out = group_max<2>(in);
  if constexpr (kPrimitive == kGroup4) out = group_max<4>(in);
  if constexpr (kPrimitive == kGroup8) out = group_max<8>(in);
  if constexpr (kPrimitive == kGroup16) out = group_max<16>(in);
  if constexpr (kPrimitive == kAnyGroup4) out = group_max(in, 4);
  if constexpr (kPrimitive == kAnyGroup8) out = group_max(in, 8);
  if constexpr (kPrimitive == kAnyGroup16) out = group_max(in, 16);
  if constexpr (kPrimitive == kWaveSum) out = as_bits(wave_sum(number));
  if constexpr (kPrimitive == kWaveMax) out = wave_max_u16x2(in);
  if constexpr (kPrimitive == kBlockSum) out = as_bits(Any::sum(number, any_slots));
  if constexpr (kPrimitive == kBlockMax) out = Any::max_u16x2(in, any_slots);
  if constexpr (kPrimitive == kExactSum) out = as_bits(Exact::sum(number, exact_slots));
  if constexpr (kPrimitive == kExactMax) out = Exact::max_u16x2(in, exact_slots);
  if constexpr (kPrimitive == kOneWaveSum) out = as_bits(OneWave::sum(number, one_slots));
  if constexpr (kPrimitive == kOneWaveMax) out = OneWave::max_u16x2(in, one_slots);
  if constexpr (kPrimitive == kGroupSum) out = as_bits(group_sum(number));
  args.out[thread_x()] = out;
}

template <int kPrimitive>
int launch_lanes(const PatdslLanesCall& call) {
  if constexpr (kPrimitive == kPrimitives) {
    return -1;
  } else {
    if (call.primitive != kPrimitive) return launch_lanes<kPrimitive + 1>(call);
    const LanesArgs args = {call.in, call.out};
    return launch_early(lanes<kPrimitive>, 1, 1, static_cast<int>(call.threads), call.stream, args);
  }
}

}  // namespace patdsl
