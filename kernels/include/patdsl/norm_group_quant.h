// rms_norm, or the add and rms_norm, and group quantisation of the result: one row a block.
//
// In: NormGroupQuantArgs. Out: q and the scales, and where the pointers are given the norm (`keep`); with kAdd the sum.
// Rounds as the ops apart do: the norm to T before the product with the weight and after it, the sum to T for its own
// result only. Checks nothing: the launcher does.
//
// Two forms. `held`: kVectors neighbouring vectors a thread stay in registers, the row is read once, the weight before
// the barrier that the sum waits at. `looped`: any row length and alignment, the row is read twice (then from cache).
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
PATDSL_DEVICE void summed(const Vector& x, const Vector& residual, float (&values)[kLanes]) {
  widen<T>(x, values);
  if constexpr (kAdd) {
    float other[kLanes];
    widen<T>(residual, other);
#pragma unroll
    for (int i = 0; i < kLanes; ++i) values[i] += other[i];
  }
}

constexpr int kHeldThreads = 512;
constexpr int held_blocks(int vectors) { return vectors == 1 ? 4 : vectors == 2 ? 3 : 2; }

// hidden: a multiple of kVectors * 8, at most 512 times that. Rows and q begin at 16-byte boundaries (q: kVectors * 8).
template <class T, bool kAdd, int kGroup, int kVectors>
PATDSL_KERNEL(kHeldThreads, held_blocks(kVectors))
void norm_group_quant_held(NormGroupQuantArgs args) {
  PATDSL_SHARED(Four, partial, kHeldThreads / kWave / 4);
  const Int64 row = block_x();
  const unsigned first = thread_x() * (kLanes * kVectors);
  const bool inside = first < static_cast<unsigned>(args.hidden);
  const int valid = inside ? kLanes * kVectors : 0;
  // Past the end of the row a thread reads the row's beginning, and its values are left out below: loads without a
  // branch can wait for one another by count, so that the sum does not wait for the weight.
  const unsigned place = inside ? first : 0;
  const unsigned short* const x_row = args.x + row * args.x_stride + place;
  const unsigned short* const weight_row = args.weight + place;
  Vector x[kVectors], residual[kVectors], weight[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) x[i] = load<true>(x_row + i * kLanes, kLanes);
  if constexpr (kAdd) {
    const unsigned short* const residual_row = args.residual + row * args.residual_stride + place;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) residual[i] = load<true>(residual_row + i * kLanes, kLanes);
  }
#pragma unroll
  for (int i = 0; i < kVectors; ++i) weight[i] = load<true>(weight_row + i * kLanes, kLanes);

  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    float values[kLanes];
    summed<T, kAdd>(x[i], residual[i], values);
    sum += square_sum(values, 0.0f);
    if constexpr (kAdd) {
      unsigned short* const out = args.residual_out + row * args.residual_out_stride + first;
      store<true>(out + i * kLanes, narrow<T>(values), valid);
    }
  }
  forget(x);
  if constexpr (kAdd) forget(residual);
  const float mean = block_sum<kHeldThreads>(inside ? sum : 0.0f, partial) * args.inverse_hidden;
  const float factor = reciprocal_square_root(mean + args.epsilon);

  Vector norm[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    float values[kLanes];
    summed<T, kAdd>(x[i], residual[i], values);
    norm[i] = scaled<T>(values, factor, weight[i]);
  }
  const GroupQuant<T, kGroup, true> quant = {args.q + row * args.q_stride, args.scale + row * args.scale_row_stride,
                                             args.scale_group_stride};
  quant.write(norm, first, valid);
  const int kept = args.keep ? valid : 0;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    store<true>(args.keep + row * args.keep_stride + first + i * kLanes, norm[i], kept);
  }
}

template <class T, bool kAdd, int kGroup, bool kFast>
PATDSL_KERNEL(kMaxThreads, 1)
void norm_group_quant_looped(NormGroupQuantArgs args) {
  PATDSL_SHARED(Four, partial, kMaxThreads / kWave / 4);
  const Int64 row = block_x();
  const int stride = block_threads() * kLanes;
  const int begin = thread_x() * kLanes;
  const unsigned short* const x_row = args.x + row * args.x_stride;
  const unsigned short* const residual_row = args.residual + row * args.residual_stride;
  float values[kLanes];
  const auto read = [&](int first, int valid) {
    Vector residual = {{0, 0, 0, 0}};
    if constexpr (kAdd) residual = load<kFast>(residual_row + first, valid);
    summed<T, kAdd>(load<kFast>(x_row + first, valid), residual, values);
  };

  float sum = 0.0f;
  for (int first = begin; first < args.hidden; first += stride) {
    read(first, remaining(args.hidden, first));
    sum = square_sum(values, sum);
  }
  const float mean = block_sum<kMaxThreads>(sum, partial) * args.inverse_hidden;
  const float factor = reciprocal_square_root(mean + args.epsilon);

  const GroupQuant<T, kGroup, kFast> quant = {args.q + row * args.q_stride, args.scale + row * args.scale_row_stride,
                                              args.scale_group_stride};
  for (int base = 0; base < args.hidden; base += stride) {  // the same number of turns in every lane
    const int first = base + begin, valid = remaining(args.hidden, first);
    read(first, valid);
    if constexpr (kAdd) {
      store<kFast>(args.residual_out + row * args.residual_out_stride + first, narrow<T>(values), valid);
    }
    Vector norm[1] = {scaled<T>(values, factor, load<kFast>(args.weight + first, valid))};
    // Elements past the row are 0 * factor, which is NaN where the factor is: they must not reach the maximum.
    if (valid < kLanes) {
#pragma unroll
      for (int i = 0; i < kLanes; ++i) {
        if (i >= valid) norm[0].word[i / 2] &= i % 2 ? 0x0000ffffu : 0xffff0000u;
      }
    }
    quant.write(norm, first, valid);
    if (args.keep) store<kFast>(args.keep + row * args.keep_stride + first, norm[0], valid);
  }
}

}  // namespace patdsl
