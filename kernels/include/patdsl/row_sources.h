// What the values of a row are, before they are quantised: x itself, its norm, or an activation times its other half.
//
// In: RowsArgs; spans of a row. Out: values rounded to T, where the ops apart round. Each source has `fetch_ahead`, which
// asks for what `load` will read; `load`, all that is read before the row's sum is known; `squares`, what this thread adds
// to that sum; `write_sum`, which writes x + other where that is a result; and `values`, given the factor that the sum
// makes. What a source says of itself:
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

// The whole row of this block, which is fast: for one of its threads.
PATDSL_DEVICE void fetch_row_ahead(const RowsArgs& args, const void* tensor, Int64 stride) {
  const unsigned bytes = args.hidden * static_cast<unsigned>(sizeof(Halves));
  fetch_ahead(static_cast<const Halves*>(tensor) + block_x() * stride, bytes);
}

// Where the vectors of a tensor are: worked out before anything may be read. Past the end of a fast row the row's beginning
// is read, and left out of every result: loads without a branch can wait for one another by count.
template <class Where>
struct Places {
  const Halves* at[Where::kCount];

  PATDSL_DEVICE Places(const void* tensor, Int64 stride, const Where& span) {
    const Halves* const row = span.template of<Halves>(tensor, stride);
    const Halves* const begin = row + span.first[0];
#pragma unroll
    for (int i = 0; i < Where::kCount; ++i) {  // most are at a distance known when this is compiled
      at[i] = Where::kFast && span.valid[i] == 0 ? row : begin + (span.first[i] - span.first[0]);
    }
  }

  PATDSL_DEVICE void fetch_ahead() const {
#pragma unroll
    for (int i = 0; i < Where::kCount; ++i) fetch_line_ahead(at[i]);
  }

  PATDSL_DEVICE void load(const Where& span, Vector (&out)[Where::kCount]) const {
#pragma unroll
    for (int i = 0; i < Where::kCount; ++i) {
      if constexpr (Where::kFast) {
        load16(out[i].word, at[i]);
      } else {
        out[i] = patdsl::load<false>(at[i], span.valid[i]);
      }
    }
  }
};

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
    const Places<Where> x_at, other_at, weight_at;
    Vector x[kCount], other[kAdd ? kCount : 1], weight[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_)
        : args(args_),
          span(span_),
          x_at(args.x, args.x_stride, span),
          other_at(kAdd ? args.other : args.x, args.other_stride, span),
          weight_at(args.weight, 0, span) {}

    PATDSL_DEVICE void fetch_ahead() const {
      if (span.first[0] != 0) return;
      fetch_row_ahead(args, args.x, args.x_stride);
      if constexpr (kAdd) fetch_row_ahead(args, args.other, args.other_stride);
      fetch_row_ahead(args, args.weight, 0);
    }

    PATDSL_DEVICE void load() {
      x_at.load(span, x);
      if constexpr (kAdd) other_at.load(span, other);
      if constexpr (kEarly) weight_at.load(span, weight);
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
      if constexpr (!kEarly) Places<Where>(args.weight, 0, span).load(span, weight);  // places need registers, too
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        float wide[kLanes];
        summed<T, kAdd>(x[i], other[kAdd ? i : 0], wide);
        out[i] = scaled<T>(wide, factor, weight[i]);
      }
    }
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
    const Places<Where> x_at, gate_at, weight_at;
    Vector x[kCount], gate[kCount], weight[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_)
        : args(args_),
          span(span_),
          x_at(args.x, args.x_stride, span),
          gate_at(args.other, args.other_stride, span),
          weight_at(args.weight, 0, span) {}

    PATDSL_DEVICE void fetch_ahead() const {
      if (span.first[0] != 0) return;
      fetch_row_ahead(args, args.x, args.x_stride);
      fetch_row_ahead(args, args.other, args.other_stride);
      fetch_row_ahead(args, args.weight, 0);
    }

    PATDSL_DEVICE void load() {
      x_at.load(span, x);
      gate_at.load(span, gate);
      if constexpr (kEarly) weight_at.load(span, weight);
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
      if constexpr (!kEarly) Places<Where>(args.weight, 0, span).load(span, weight);
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
    const Places<Where> x_at;
    Vector x[kCount], other[kCount], weight[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_)
        : args(args_), span(span_), x_at(args.x, args.x_stride, span) {}

    PATDSL_DEVICE void fetch_ahead() const {
      if (span.first[0] != 0) return;
      fetch_row_ahead(args, args.x, args.x_stride);
      if (args.other) fetch_row_ahead(args, args.other, args.other_stride);
      if (args.weight && !args.weight_f32) fetch_row_ahead(args, args.weight, 0);
    }

    PATDSL_DEVICE void load() {
      x_at.load(span, x);
      if (args.other) Places<Where>(args.other, args.other_stride, span).load(span, other);
      if (args.weight && !args.weight_f32) Places<Where>(args.weight, 0, span).load(span, weight);
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
template <class T, bool kGelu>
struct ActivationMul {
  static constexpr bool kSized = true;
  static constexpr bool kHeavy = kGelu;
  static constexpr int kLeastRegisters = 40;
  static constexpr bool kMeasures = false;

  template <class Where>
  struct Row {
    static constexpr int kCount = Where::kCount;
    const RowsArgs& args;
    const Where& span;
    const Places<Where> gate_at, up_at;
    Vector gate[kCount], up[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_)
        : args(args_),
          span(span_),
          gate_at(args.x, args.x_stride, span),
          up_at(static_cast<const Halves*>(args.x) + args.hidden, args.x_stride, span) {}

    PATDSL_DEVICE void fetch_ahead() const {
      gate_at.fetch_ahead();
      up_at.fetch_ahead();
    }

    PATDSL_DEVICE void load() {
      gate_at.load(span, gate);
      up_at.load(span, up);
    }

    PATDSL_DEVICE float squares() { return 0.0f; }
    PATDSL_DEVICE void write_sum() {}

    PATDSL_DEVICE void values(float, Vector (&out)[kCount]) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        float values[kLanes];
        widen<T>(gate[i], values);
#pragma unroll
        for (int j = 0; j < kLanes; ++j) values[j] = kGelu ? gelu(values[j]) : silu(values[j]);
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
    const Places<Where> x_at;
    Vector x[kCount];

    PATDSL_DEVICE Row(const RowsArgs& args_, const Where& span_)
        : args(args_), span(span_), x_at(args.x, args.x_stride, span) {}

    PATDSL_DEVICE void fetch_ahead() const { x_at.fetch_ahead(); }
    PATDSL_DEVICE void load() { x_at.load(span, x); }
    PATDSL_DEVICE float squares() { return 0.0f; }
    PATDSL_DEVICE void write_sum() {}

    PATDSL_DEVICE void values(float, Vector (&out)[kCount]) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) out[i] = x[i];
    }
  };
};

}  // namespace patdsl
