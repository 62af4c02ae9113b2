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

enum Primitive { kExchange1, kExchange2, kExchange4, kExchange8, kGroup2, kGroup4, kGroup8, kGroup16, kWaveSum, kBlockSum };

template <int kPrimitive>
PATDSL_KERNEL(kMaxThreads, 1)
void lanes(LanesArgs args) {
  PATDSL_SHARED(Four, partial, kMaxThreads / kWave / 4);
  const Word in = args.in[thread_x()];
  Word out = 0;
  if constexpr (kPrimitive == kExchange1) out = exchange<1>(in);
  if constexpr (kPrimitive == kExchange2) out = exchange<2>(in);
  if constexpr (kPrimitive == kExchange4) out = exchange<4>(in);
  if constexpr (kPrimitive == kExchange8) out = exchange<8>(in);
  if constexpr (kPrimitive == kGroup2) out = group_max<2>(in);
  if constexpr (kPrimitive == kGroup4) out = group_max<4>(in);
  if constexpr (kPrimitive == kGroup8) out = group_max<8>(in);
  if constexpr (kPrimitive == kGroup16) out = group_max<16>(in);
  if constexpr (kPrimitive == kWaveSum) out = as_bits(wave_sum(as_float(in)));
  if constexpr (kPrimitive == kBlockSum) out = as_bits(block_sum<kMaxThreads>(as_float(in), partial));
  args.out[thread_x()] = out;
}

template <int kPrimitive>
int launch_lanes(const PatdslLanesCall& call) {
  if constexpr (kPrimitive > kBlockSum) {
    return -1;
  } else {
    if (call.primitive != kPrimitive) return launch_lanes<kPrimitive + 1>(call);
    return launch(lanes<kPrimitive>, 1, static_cast<int>(call.threads), call.stream, LanesArgs{call.in, call.out});
  }
}

}  // namespace patdsl
