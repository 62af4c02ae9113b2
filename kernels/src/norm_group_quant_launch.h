// Which kernel of include/patdsl/norm_group_quant.h runs a call, and in what shape.
//
// In: the fields of a call. Out: 0, -1 for arguments that no kernel takes, else the runtime's error number. Each of
// the dtypes is instantiated in a file of its own, so that they compile side by side.
#pragma once

#include "patdsl/norm_group_quant.h"

// One call. Every field is 8 bytes, so that a caller without this header can lay it out. Sizes and strides are in
// elements; tensors are dense in their last dimension, and each is as large as the names say.
struct PatdslNormGroupQuantCall {
  const unsigned short* x;         // [rows, hidden]
  const unsigned short* residual;  // [rows, hidden], or null: norm of x alone
  const unsigned short* weight;    // [hidden]
  unsigned char* q;                // [rows, hidden]
  float* scale;                    // [rows, ceil(hidden / group)]
  unsigned short* keep;            // [rows, hidden], or null: the norm is not kept
  unsigned short* residual_out;    // [rows, hidden] where there is a residual
  patdsl::Int64 rows, hidden, group;  // 0 and up; 1 to 65,536; 32, 64 or 128
  patdsl::Int64 x_stride, residual_stride, q_stride, keep_stride, residual_out_stride;
  patdsl::Int64 scale_row_stride, scale_group_stride;
  double epsilon;
  patdsl::Int64 dtype;   // 0: bf16, 1: fp16
  patdsl::Int64 config;  // 0: chosen by size; 1, 2, 4: vectors a thread holds; -1: looped
  patdsl::Int64 device;  // the runtime's index
  patdsl::Int64 stream;  // a stream of that device, as an integer
};

namespace patdsl {

constexpr Int64 kBadArguments = -1;
constexpr Int64 kMaxHidden = 65536;
constexpr Int64 kMaxRows = 0x7fffffff;
constexpr Int64 kLooped = -1;

template <class T>
int launch_norm_group_quant(const PatdslNormGroupQuantCall& call);

inline bool multiple_of(const void* pointer, unsigned bytes) {
  return reinterpret_cast<unsigned long long>(pointer) % bytes == 0;
}

// Whether every row begins at a 16-byte boundary (q: 8) and has whole vectors.
inline bool is_fast(const PatdslNormGroupQuantCall& call) {
  bool fast = call.hidden % kLanes == 0 && multiple_of(call.x, 16) && multiple_of(call.weight, 16) &&
              multiple_of(call.q, 8) && (call.x_stride | call.q_stride) % kLanes == 0;
  if (call.residual) {
    fast = fast && multiple_of(call.residual, 16) && multiple_of(call.residual_out, 16) &&
           (call.residual_stride | call.residual_out_stride) % kLanes == 0;
  }
  return call.keep ? fast && multiple_of(call.keep, 16) && call.keep_stride % kLanes == 0 : fast;
}

inline int rounded_threads(Int64 vectors, int most) {
  const Int64 threads = (vectors + kLaunchWave - 1) / kLaunchWave * kLaunchWave;
  return static_cast<int>(threads < most ? threads : most);
}

template <class T, bool kAdd, int kGroup>
int launch_rows(const PatdslNormGroupQuantCall& call, const NormGroupQuantArgs& args) {
  const Int64 vectors = (call.hidden + kLanes - 1) / kLanes;
  const bool fast = is_fast(call);
  Int64 held = call.config == 0 ? 2 : call.config;
  if (call.config == 0 && (!fast || vectors > held * kMaxThreads)) held = kLooped;
  const auto run = [&](void (*kernel)(NormGroupQuantArgs), int threads) {
    return launch(kernel, call.rows, threads, call.stream, args);
  };
  if (held == kLooped) {
    const int threads = rounded_threads(vectors, kMaxThreads);
    return fast ? run(norm_group_quant_looped<T, kAdd, kGroup, true>, threads)
                : run(norm_group_quant_looped<T, kAdd, kGroup, false>, threads);
  }
  const int most = held > 2 ? 512 : kMaxThreads;
  if (!fast || vectors > held * most) return kBadArguments;
  const int threads = rounded_threads((vectors + held - 1) / held, most);
  switch (held) {
    case 1: return run(norm_group_quant_held<T, kAdd, kGroup, 1>, threads);
    case 2: return run(norm_group_quant_held<T, kAdd, kGroup, 2>, threads);
    case 4: return run(norm_group_quant_held<T, kAdd, kGroup, 4>, threads);
    default: return kBadArguments;
  }
}

template <class T, bool kAdd>
int launch_group(const PatdslNormGroupQuantCall& call, const NormGroupQuantArgs& args) {
  switch (call.group) {
    case 32: return launch_rows<T, kAdd, 32>(call, args);
    case 64: return launch_rows<T, kAdd, 64>(call, args);
    case 128: return launch_rows<T, kAdd, 128>(call, args);
    default: return kBadArguments;
  }
}

template <class T>
int launch_norm_group_quant(const PatdslNormGroupQuantCall& call) {
  const NormGroupQuantArgs args = {call.x,
                                   call.residual,
                                   call.weight,
                                   call.q,
                                   call.scale,
                                   call.keep,
                                   call.residual_out,
                                   call.x_stride,
                                   call.residual_stride,
                                   call.q_stride,
                                   call.keep_stride,
                                   call.residual_out_stride,
                                   call.scale_row_stride,
                                   call.scale_group_stride,
                                   static_cast<int>(call.hidden),
                                   static_cast<float>(call.epsilon),
                                   static_cast<float>(1.0 / static_cast<double>(call.hidden))};
  return call.residual ? launch_group<T, true>(call, args) : launch_group<T, false>(call, args);
}

}  // namespace patdsl
