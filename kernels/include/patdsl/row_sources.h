// What the values of a row are, before they are quantised: x itself, its norm, or an activation times its other half.
//
// In: RowsArgs; spans of a row. Out: values rounded to T, where the ops apart round. Each source has `load`, all that is
// read before the row's sum is known; `squares`, what this thread adds to that sum; `write_sum`, which writes x + other where
// that is a result; and `values`, given the factor that the sum makes. What a source says of itself:
//   kMeasures        it needs the row's sum
//   kHeavy           it needs many registers
//   kSized           the most used sizes are compiled in; kLeastRegisters, with so many registers a thread at least
// Checks nothing: the launcher does.
#pragma once

#include "patdsl/activation.h"
#include "patdsl/rows_args.h"

namespace patdsl {

using Halves = unsigned short;  // 16-bit floats in memory

PATDSL_DEVICE float square_sum(const float (&values)[kLanes], float sum) {
#pragma unroll
  for (int i = 0; i < kLanes; ++i) sum = fused_multiply_add(values[i], values[i], sum);
  return sum;
}

// The norm rounded to T, and its product with a weight of T rounded again.
template <class T>
PATDSL_DEVICE Vector scaled(float (&values)[kLanes], float factor, const Vector& weight) {
#pragma unroll
  for (int i = 0; i < kLanes; ++i) values[i] *= factor;
  Vector out = narrow<T>(values);
#pragma unroll
  for (int i = 0; i < kLanes / 2; ++i) out.word[i] = T::multiply(out.word[i], weight.word[i]);
  return out;
}

// The values of one vector: x, or x + other in fp32.
template <class T, bool kAdd>
PATDSL_DEVICE void summed(const Vector& x, const Vector& other, float (&values)[kLanes]) {
  widen<T>(x, values);
  if constexpr (kAdd) {
    float more[kLanes];
    widen<T>(other, more);
#pragma unroll
    for (int i = 0; i < kLanes; ++i) values[i] += more[i];
  }
}

// Every eighth thread asks for the 128 bytes that it and its neighbours will read.
template <class Where>
PATDSL_DEVICE void fetch_all_ahead(const Halves* row, const Where& span) {
  if (thread_x() % 8 != 0) return;
#pragma unroll
  for (int i = 0; i < Where::kCount; ++i) {
    if (span.valid[i] > 0) fetch_ahead(row + span.first[i]);
  }
}

// Vectors of one tensor. Past the end of a fast row the row's beginning is read, and left out of every result: loads
// without a branch can wait for one another by count.
template <class Where>
PATDSL_DEVICE void load_all(const Halves* row, const Where& span, Vector (&out)[Where::kCount]) {
#pragma unroll
  for (int i = 0; i < Where::kCount; ++i) {
    if constexpr (Where::kFast) {
      load16(out[i].word, row + (span.valid[i] > 0 ? span.first[i] : 0));
    } else {
      out[i] = load<false>(row + span.first[i], span.valid[i]);
    }
  }
}

// What this thread adds to the sum of squares of x, or of x + other.
template <class T, bool kAdd, class Where, int kOther>
PATDSL_DEVICE float squares_of(const Vector (&x)[Where::kCount], const Vector (&other)[kOther], const Where& span) {
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < Where::kCount; ++i) {
    float values[kLanes];
    summed<T, kAdd>(x[i], other[kAdd ? i : 0], values);
    const float own = square_sum(values, 0.0f);
    const float counted = span.valid[i] > 0 ? own : 0.0f;
    sum = i == 0 ? counted : sum + counted;
  }
  return sum;
}

// rms_norm of x or of x + other: a weight of T, the mean over the whole row. With kEarly the weight is read before the
// sum is known, which is faster where few rows are on the machine, and needs more registers.
template <class T, bool kAdd, bool kEarly>
struct Norm {
  static constexpr bool kSized = true;
  static constexpr bool kHeavy = kAdd;
  static constexpr int kLeastRegisters = 40;
  static constexpr bool kMeasures = true;

  template <class Where>
  struct Row {
    static constexpr int kCount = Where::kCount;
    const RowsArgs& args;
    const Where& span;
    Vector x[kCount], other[kAdd ? kCount : 1], weight[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_) : args(args_), span(span_) {}

    PATDSL_DEVICE void load() {
      load_all(span.template of<Halves>(args.x, args.x_stride), span, x);
      if constexpr (kAdd) load_all(span.template of<Halves>(args.other, args.other_stride), span, other);
      if constexpr (kEarly) load_weight();
    }

    PATDSL_DEVICE float squares() { return squares_of<T, kAdd>(x, other, span); }

    PATDSL_DEVICE void write_sum() {
      if constexpr (kAdd) {
        Halves* const out = span.template of<Halves>(args.sum, args.sum_stride);
#pragma unroll
        for (int i = 0; i < kCount; ++i) {
          float values[kLanes];
          summed<T, true>(x[i], other[i], values);
          store<Where::kFast>(out + span.first[i], narrow<T>(values), span.valid[i]);
        }
        forget(x);  // two tensors in fp32 would not fit in the registers
        forget(other);
      }
    }

    PATDSL_DEVICE void values(float factor, Vector (&out)[kCount]) {
      if constexpr (!kEarly) load_weight();
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        float wide[kLanes];
        summed<T, kAdd>(x[i], other[kAdd ? i : 0], wide);
        out[i] = scaled<T>(wide, factor, weight[i]);
      }
    }

    PATDSL_DEVICE void load_weight() { load_all(static_cast<const Halves*>(args.weight), span, weight); }
  };
};

// rms_norm of x times silu of a gate, in fp32 and rounded once: a weight of T.
template <class T, bool kEarly>
struct GatedNorm {
  static constexpr bool kSized = true;
  static constexpr bool kHeavy = true;
  static constexpr int kLeastRegisters = 56;
  static constexpr bool kMeasures = true;

  template <class Where>
  struct Row {
    static constexpr int kCount = Where::kCount;
    const RowsArgs& args;
    const Where& span;
    Vector x[kCount], gate[kCount], weight[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_) : args(args_), span(span_) {}

    PATDSL_DEVICE void load() {
      load_all(span.template of<Halves>(args.x, args.x_stride), span, x);
      load_all(span.template of<Halves>(args.other, args.other_stride), span, gate);
      if constexpr (kEarly) load_weight();
    }

    PATDSL_DEVICE float squares() {
      const float sum = squares_of<T, false>(x, x, span);
      forget(x);
      forget(gate);
      if constexpr (kEarly) forget(weight);
      return sum;
    }

    PATDSL_DEVICE void write_sum() {}

    PATDSL_DEVICE void values(float factor, Vector (&out)[kCount]) {
      if constexpr (!kEarly) load_weight();
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        float wide[kLanes], scale[kLanes], gates[kLanes];
        widen<T>(x[i], wide);
        widen<T>(weight[i], scale);
        widen<T>(gate[i], gates);
#pragma unroll
        for (int j = 0; j < kLanes; ++j) wide[j] = wide[j] * factor * scale[j] * silu(gates[j]);
        out[i] = narrow<T>(wide);
#pragma unroll
        for (int j = 0; j < kLanes / 2; ++j) opaque(out[i].word[j]);  // one vector after another: registers are few
      }
    }

    PATDSL_DEVICE void load_weight() { load_all(static_cast<const Halves*>(args.weight), span, weight); }
  };
};

// The norms with options: no weight, one in fp32, one plus 1; the mean over a part of the row; also of the gated norm.
template <class T>
struct AnyNorm {
  static constexpr bool kSized = false;
  static constexpr bool kHeavy = true;
  static constexpr bool kMeasures = true;

  template <class Where>
  struct Row {
    static constexpr int kCount = Where::kCount;
    const RowsArgs& args;
    const Where& span;
    Vector x[kCount], other[kCount], weight[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_) : args(args_), span(span_) {}

    PATDSL_DEVICE void load() {
      load_all(span.template of<Halves>(args.x, args.x_stride), span, x);
      if (args.other) load_all(span.template of<Halves>(args.other, args.other_stride), span, other);
      if (args.weight && !args.weight_f32) load_all(static_cast<const Halves*>(args.weight), span, weight);
    }

    PATDSL_DEVICE float squares() {
      float sum = 0.0f;
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        float values[kLanes];
        wide(i, values);
        const int counted = remaining(args.variance_size, span.first[i]);
#pragma unroll
        for (int j = 0; j < kLanes; ++j) {
          if (j >= counted) values[j] = 0.0f;
        }
        sum += square_sum(values, 0.0f);
      }
      forget(x);
      return sum;
    }

    PATDSL_DEVICE void write_sum() {
      if (!args.add) return;
      Halves* const out = span.template of<Halves>(args.sum, args.sum_stride);
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        float values[kLanes];
        wide(i, values);
        store<Where::kFast>(out + span.first[i], narrow<T>(values), span.valid[i]);
      }
    }

    PATDSL_DEVICE void values(float factor, Vector (&out)[kCount]) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        float values[kLanes];
        wide(i, values);
        if (!args.weight) {
#pragma unroll
          for (int j = 0; j < kLanes; ++j) values[j] *= factor;
        } else if (!args.weight_f32 && !args.gemma && !args.gated) {
          out[i] = scaled<T>(values, factor, weight[i]);
          continue;
        } else {
          float scale[kLanes];
          weights(i, scale);
#pragma unroll
          for (int j = 0; j < kLanes; ++j) values[j] = values[j] * factor * scale[j];
        }
        if (args.gated) {
          float gate[kLanes];
          widen<T>(other[i], gate);
#pragma unroll
          for (int j = 0; j < kLanes; ++j) values[j] *= silu(gate[j]);
        }
        out[i] = narrow<T>(values);
      }
    }

    PATDSL_DEVICE void wide(int i, float (&values)[kLanes]) {
      if (args.add) {
        summed<T, true>(x[i], other[i], values);
      } else {
        summed<T, false>(x[i], x[i], values);
      }
    }

    // The weight in fp32, plus 1 where that is asked for.
    PATDSL_DEVICE void weights(int i, float (&scale)[kLanes]) {
      if (args.weight_f32) {
        const float* const from = static_cast<const float*>(args.weight) + span.first[i];
#pragma unroll
        for (int j = 0; j < kLanes; ++j) scale[j] = j < span.valid[i] ? from[j] : 0.0f;
      } else {
        widen<T>(weight[i], scale);
      }
#pragma unroll
      for (int j = 0; j < kLanes; ++j) scale[j] += args.gemma ? 1.0f : 0.0f;
    }
  };
};

// silu or gelu of the first half of a row of x, times its second half: rounded after each.
template <class T>
struct ActivationMul {
  static constexpr bool kSized = true;
  static constexpr bool kHeavy = false;
  static constexpr int kLeastRegisters = 40;
  static constexpr bool kMeasures = false;

  template <class Where>
  struct Row {
    static constexpr int kCount = Where::kCount;
    const RowsArgs& args;
    const Where& span;
    Vector gate[kCount], up[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_) : args(args_), span(span_) {}

    PATDSL_DEVICE void fetch_ahead() {
      const Halves* const row = span.template of<Halves>(args.x, args.x_stride);
      fetch_all_ahead(row, span);
      fetch_all_ahead(row + args.hidden, span);
    }

    PATDSL_DEVICE void load() {
      const Halves* const row = span.template of<Halves>(args.x, args.x_stride);
      load_all(row, span, gate);
      load_all(row + args.hidden, span, up);
    }

    PATDSL_DEVICE float squares() { return 0.0f; }
    PATDSL_DEVICE void write_sum() {}

    PATDSL_DEVICE void values(float, Vector (&out)[kCount]) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        float values[kLanes];
        widen<T>(gate[i], values);
        if (args.gelu) {
#pragma unroll
          for (int j = 0; j < kLanes; ++j) values[j] = gelu(values[j]);
        } else {
#pragma unroll
          for (int j = 0; j < kLanes; ++j) values[j] = silu(values[j]);
        }
        out[i] = narrow<T>(values);
#pragma unroll
        for (int j = 0; j < kLanes / 2; ++j) out[i].word[j] = T::multiply(out[i].word[j], up[i].word[j]);
      }
    }
  };
};

// x as it is.
template <class T>
struct Plain {
  static constexpr bool kSized = false;
  static constexpr bool kHeavy = false;
  static constexpr bool kMeasures = false;

  template <class Where>
  struct Row {
    static constexpr int kCount = Where::kCount;
    const RowsArgs& args;
    const Where& span;
    Vector x[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_) : args(args_), span(span_) {}

    PATDSL_DEVICE void fetch_ahead() { fetch_all_ahead(span.template of<Halves>(args.x, args.x_stride), span); }
    PATDSL_DEVICE void load() { load_all(span.template of<Halves>(args.x, args.x_stride), span, x); }
    PATDSL_DEVICE float squares() { return 0.0f; }
    PATDSL_DEVICE void write_sum() {}

    PATDSL_DEVICE void values(float, Vector (&out)[kCount]) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) out[i] = x[i];
    }
  };
};

}  // namespace patdsl
