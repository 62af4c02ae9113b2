// Which kernel of include/patdsl/rows_dual.h runs a call, and in what shape.
//
// In: the fields of a call, checked by rows_abi.hip. Out: 0, -1 for arguments that no kernel takes, else the runtime's
// error number.
#pragma once

#include "patdsl/rows_dual.h"
#include "rows_launch.h"

namespace patdsl {

template <class T>
int launch_dual(const PatdslDualNormCall& call);

// A weight of T and the mean over the whole row: what the faster norm takes.
inline bool is_usual_norm(const PatdslRowsCall& call) {
  return call.weight && call.weight_f32 == 0 && call.gemma == 0 && call.variance_size == call.hidden;
}

template <class T, class Sink>
int launch_dual_sink(const PatdslDualNormCall& call) {
  constexpr int kVectors = 2;
  const Int64 first = row_vectors(call.first), second = row_vectors(call.second);
  const Int64 vectors = first > second ? first : second;
  const bool held = is_usual_norm(call.first) && is_usual_norm(call.second) && is_fast(call.first) &&
                    is_fast(call.second) && vectors <= kVectors * kHeldThreads && call.first.config != kLooped;
  const auto launch = [&](void (*kernel)(DualArgs), int threads) {
    const DualArgs args = {rows_args(call.first, 2 * threads), rows_args(call.second, 2 * threads)};
    return launch_early(kernel, call.first.rows, 2, threads, call.first.stream, args);
  };
  constexpr int kFirst = 1536, kSecond = 512;  // what models with latent attention mostly have
  if constexpr (kRowThreads<2, kSecond, kLaunchWave> == kLaunchWave && Sink::kSized) {
    if (held && call.first.config == kChosen && call.first.hidden == kFirst && call.second.hidden == kSecond &&
        call.first.y_width == kFirst && call.second.y_width == kSecond) {
      constexpr int kThreads = kDualThreads<kFirst, kSecond, kLaunchWave>;
      const DualArgs args = {rows_args(call.first, kThreads), rows_args(call.second, kThreads)};
      return run_by_number(call.first, [&](auto few) {
        constexpr auto kKernel = dual_sized<T, Sink, kFirst, kSecond, decltype(few)::value>;
        return launch_early(kKernel, call.first.rows, 1, kThreads, call.first.stream, args);
      });
    }
  }
  if (!held) return launch(dual_looped<T, Sink>, rounded_threads(vectors, kMaxThreads));
  const int threads = rounded_threads((vectors + 1) / kVectors, kHeldThreads);
  return run_by_number(call.first, [&](auto few) {
    return launch(dual_held<T, Sink, kVectors, decltype(few)::value>, threads);
  });
}

template <class T>
int launch_dual(const PatdslDualNormCall& call) {
  switch (call.first.quant) {
    case kNone: return launch_dual_sink<T, Store<T>>(call);
    case kToken: return launch_dual_sink<T, TokenQuant<T>>(call);
    case kGroup:
      return is_group128(call.first) ? launch_dual_sink<T, Group128Quant<T>>(call)
                                     : launch_dual_sink<T, GroupQuant<T>>(call);
    default: return kBadArguments;
  }
}

}  // namespace patdsl
