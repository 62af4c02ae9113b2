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

// Whether every row begins at a 16-byte boundary and has whole sets of `vectors` vectors.
inline bool is_fast(const PatdslNormGroupQuantCall& call, Int64 vectors) {
  const Int64 set = vectors * kLanes;
  bool fast = call.hidden % set == 0 && multiple_of(call.x, 16) && multiple_of(call.weight, 16) &&
              multiple_of(call.q, vectors > 1 ? 16 : 8) && call.x_stride % kLanes == 0 &&
              call.q_stride % (vectors > 1 ? 16 : 8) == 0;
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

// By measurement on an H100 (docs/kernels.md). Two vectors a thread read best, but their 16-bit results leave in halves of
// the 32 bytes that memory is written in: one vector, where the sum is written. Four for many long rows. Whether the
// norm is kept changes nothing: another form adds the squares in another order, and q would differ in roundings.
template <class Fits>
Int64 chosen(const PatdslNormGroupQuantCall& call, bool add, const Fits& fits) {
  if (add && fits(1)) return 1;
  if (!add && call.rows >= 4096 && call.hidden > 4096 && fits(4)) return 4;
  return fits(2) ? 2 : fits(4) ? 4 : fits(1) ? 1 : kLooped;
}

template <class T, bool kAdd, int kGroup>
int launch_rows(const PatdslNormGroupQuantCall& call, const NormGroupQuantArgs& args) {
  const Int64 vectors = (call.hidden + kLanes - 1) / kLanes;
  const auto fits = [&](Int64 held) { return vectors <= held * kHeldThreads && is_fast(call, held); };
  const auto run = [&](void (*kernel)(NormGroupQuantArgs), int threads) {
    return launch(kernel, call.rows, threads, call.stream, args);
  };
  const Int64 held = call.config != 0 ? call.config : chosen(call, kAdd, fits);
  if (held == kLooped) {
    const int threads = rounded_threads(vectors, kMaxThreads);
    return is_fast(call, 1) ? run(norm_group_quant_looped<T, kAdd, kGroup, true>, threads)
                            : run(norm_group_quant_looped<T, kAdd, kGroup, false>, threads);
  }
  if (held < 1 || !fits(held)) return kBadArguments;
  const int threads = rounded_threads((vectors + held - 1) / held, kHeldThreads);
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
