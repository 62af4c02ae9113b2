// rms_norm, or the add and rms_norm, and group quantisation of the result: one row a block.
//
// In: NormGroupQuantArgs. Out: q and the scales, and where the pointers are given the norm (`keep`); with kAdd the sum.
// Rounds as the ops apart do: the norm to T before the product with the weight and after it, the sum to T for its own
// result only. Checks nothing: the launcher does.
//
// Two forms. `held`: kVectors vectors a thread stay in registers, the row is read once, the weight before the barrier
// that the sum waits at. `looped`: any row length and alignment, the row is read twice (the second time from cache).
#pragma once

#include "patdsl/group_quant.h"

namespace patdsl {

struct NormGroupQuantArgs {
  const unsigned short* x;
  const unsigned short* residual;
  const unsigned short* weight;
  unsigned char* q;
  float* scale;
  unsigned short* keep;  // may be null
  unsigned short* residual_out;
  Int64 x_stride, residual_stride, q_stride, keep_stride, residual_out_stride;  // elements from row to row
  Int64 scale_row_stride, scale_group_stride;
  int hidden;
  float epsilon, inverse_hidden;
};

PATDSL_DEVICE float square_sum(const float (&values)[kLanes], float sum) {
#pragma unroll
  for (int i = 0; i < kLanes; ++i) sum = fused_multiply_add(values[i], values[i], sum);
  return sum;
}

template <class T>
PATDSL_DEVICE Vector scaled(float (&values)[kLanes], float factor, const Vector& weight) {
#pragma unroll
  for (int i = 0; i < kLanes; ++i) values[i] *= factor;
  Vector out = narrow<T>(values);
#pragma unroll
  for (int i = 0; i < kLanes / 2; ++i) out.word[i] = T::multiply(out.word[i], weight.word[i]);
  return out;
}

PATDSL_DEVICE int remaining(int hidden, int first) {
  const int rest = hidden - first;
  return rest < 0 ? 0 : (rest < kLanes ? rest : kLanes);
}

// The values of one vector: x, or x + residual in fp32.
template <class T, bool kAdd>
struct Summed {
  Vector x, residual;

  PATDSL_DEVICE void widen_to(float (&values)[kLanes]) const {
    widen<T>(x, values);
    if constexpr (kAdd) {
      float other[kLanes];
      widen<T>(residual, other);
#pragma unroll
      for (int i = 0; i < kLanes; ++i) values[i] += other[i];
    }
  }
};

template <class T, bool kAdd, int kGroup, int kVectors>
PATDSL_KERNEL(kVectors > 2 ? 512 : kMaxThreads)
void norm_group_quant_held(NormGroupQuantArgs args) {
  PATDSL_SHARED(Four, partial, kMaxWaves / 4);
  const Int64 row = block_x();
  const int stride = block_threads() * kLanes;
  const int begin = thread_x() * kLanes;
  Summed<T, kAdd> in[kVectors];
  Vector weight[kVectors];
  // Past the end of the row a thread reads the row's beginning, and its values are left out below: loads without a
  // branch can wait for one another by count, so that the sum does not wait for the weight.
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int first = begin + i * stride, place = first < args.hidden ? first : 0;
    in[i].x = load<true>(args.x + row * args.x_stride + place, kLanes);
    if constexpr (kAdd) in[i].residual = load<true>(args.residual + row * args.residual_stride + place, kLanes);
  }
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int first = begin + i * stride;
    weight[i] = load<true>(args.weight + (first < args.hidden ? first : 0), kLanes);
  }

  float values[kVectors][kLanes];
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int first = begin + i * stride;
    in[i].widen_to(values[i]);
    const float more = square_sum(values[i], 0.0f);
    sum += first < args.hidden ? more : 0.0f;
    if constexpr (kAdd) {
      store<true>(args.residual_out + row * args.residual_out_stride + first, narrow<T>(values[i]), args.hidden - first);
    }
  }
  const float mean = block_sum(sum, partial) * args.inverse_hidden;
  const float factor = reciprocal_square_root(mean + args.epsilon);

  Vector norm[kVectors];
  Word amax[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int first = begin + i * stride;
    norm[i] = scaled<T>(values[i], factor, weight[i]);
    amax[i] = first < args.hidden ? magnitude(norm[i]) : 0;
    if (args.keep) store<true>(args.keep + row * args.keep_stride + first, norm[i], args.hidden - first);
  }
  const GroupQuant<T, kGroup, true> quant = {args.q + row * args.q_stride, args.scale + row * args.scale_row_stride,
                                             args.scale_group_stride};
#pragma unroll
  for (int i = 0; i < kVectors; i += 2) {  // two vectors share a word on the way through the lanes
    Word pair = amax[i];
    if constexpr (kVectors > 1) pair |= amax[i + 1] << 16;
    pair = group_max<kGroup / kLanes>(pair);
    const int first = begin + i * stride;
    quant.write(norm[i], pair & 0xffffu, first, args.hidden - first);
    if constexpr (kVectors > 1) quant.write(norm[i + 1], pair >> 16, first + stride, args.hidden - first - stride);
  }
}

template <class T, bool kAdd, int kGroup, bool kFast>
PATDSL_KERNEL(kMaxThreads)
void norm_group_quant_looped(NormGroupQuantArgs args) {
  PATDSL_SHARED(Four, partial, kMaxWaves / 4);
  const Int64 row = block_x();
  const int stride = block_threads() * kLanes;
  const int begin = thread_x() * kLanes;
  const unsigned short* const x = args.x + row * args.x_stride;
  const unsigned short* const residual = args.residual + row * args.residual_stride;
  const auto read = [&](int first, int valid) {
    Summed<T, kAdd> in;
    in.x = load<kFast>(x + first, valid);
    if constexpr (kAdd) in.residual = load<kFast>(residual + first, valid);
    return in;
  };

  float values[kLanes];
  float sum = 0.0f;
  for (int first = begin; first < args.hidden; first += stride) {
    read(first, remaining(args.hidden, first)).widen_to(values);
    sum = square_sum(values, sum);
  }
  const float mean = block_sum(sum, partial) * args.inverse_hidden;
  const float factor = reciprocal_square_root(mean + args.epsilon);

  const GroupQuant<T, kGroup, kFast> quant = {args.q + row * args.q_stride, args.scale + row * args.scale_row_stride,
                                              args.scale_group_stride};
  for (int base = 0; base < args.hidden; base += stride) {  // the same number of turns in every lane
    const int first = base + begin, valid = remaining(args.hidden, first);
    read(first, valid).widen_to(values);
    if constexpr (kAdd) {
      store<kFast>(args.residual_out + row * args.residual_out_stride + first, narrow<T>(values), valid);
    }
    Vector norm = scaled<T>(values, factor, load<kFast>(args.weight + first, valid));
    // Elements past the row are 0 * factor, which is NaN where the factor is: they must not reach the maximum.
    if (valid < kLanes) {
#pragma unroll
      for (int i = 0; i < kLanes; ++i) {
        if (i >= valid) norm.word[i / 2] &= i % 2 ? 0x0000ffffu : 0xffff0000u;
      }
    }
    if (args.keep) store<kFast>(args.keep + row * args.keep_stride + first, norm, valid);
    quant.write(norm, group_max<kGroup / kLanes>(magnitude(norm)), first, valid);
  }
}

}  // namespace patdsl
