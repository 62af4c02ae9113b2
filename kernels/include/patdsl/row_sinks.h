// What becomes of a row's values: they are stored, or quantised with a scale that is given, one for the row, or one for
// each group of neighbours.
//
// In: RowsArgs; values rounded to T and their span. Out: q, the scales, y. Each sink has `prepare`, called before the
// row's sum is known; `write`, which every lane of the wave calls; and `finish`. The bytes are those of the quantisation
// apart; vectors with nothing valid give zeros to the maxima. What a sink says of itself:
//   kHeavy                 it needs many registers
//   kRowAmax               it needs the largest magnitude of the row
//   kSized, kLate          the most used sizes are compiled in; also with the weight read late
//   kHeavySourceRegisters  registers a thread where a size is compiled in and the source is heavy (kSized)
#pragma once

#include "patdsl/reduce.h"
#include "patdsl/rows_args.h"
#include "patdsl/scale.h"

namespace patdsl {

template <class Where>
PATDSL_DEVICE void store_values(const RowsArgs& args, const Vector (&values)[Where::kCount], const Where& span) {
  unsigned short* const row = span.template of<unsigned short>(args.y, args.y_stride);
#pragma unroll
  for (int i = 0; i < Where::kCount; ++i) store<Where::kFast>(row + span.first[i], values[i], span.valid[i]);
}

template <class Where>
PATDSL_DEVICE void store_bytes(const RowsArgs& args, const Bytes<1>& bytes, const Where& span, int i) {
  store<Where::kFast>(span.template of<unsigned char>(args.q, args.q_stride) + span.first[i], bytes, span.valid[i]);
}

// What most sinks say of themselves, and have nothing to do for.
struct RowSink {
  static constexpr bool kHeavy = false, kRowAmax = false, kSized = true, kLate = false;
  const RowsArgs& args;

  explicit PATDSL_DEVICE RowSink(const RowsArgs& args_) : args(args_) {}
  PATDSL_DEVICE void prepare() {}
  template <class Where>
  PATDSL_DEVICE void finish(const Where&) const {}
};

// The magnitudes of a span's vector, as `magnitudes`.
template <class T, class Where>
PATDSL_DEVICE Word magnitudes_of(const Vector& values, const Where& span, int i) {
  return span.valid[i] > 0 ? magnitudes<T>(values) : 0;
}

template <class Element, class Where>
PATDSL_DEVICE void store_scale(const RowsArgs& args, const Where& span, Int64 group, Element scale) {
  span.template of<Element>(args.scale, args.scale_row_stride)[group * args.scale_group_stride] = scale;
  if (!args.scale2) return;
  span.template of<Element>(args.scale2, args.scale2_row_stride)[group * args.scale2_group_stride] = scale;
}

// The values alone; the columns past the row become 0.
template <class T>
struct Store : RowSink {
  static constexpr int kHeavySourceRegisters = 48;

  using RowSink::RowSink;

  template <class Where>
  PATDSL_DEVICE void write(const Vector (&values)[Where::kCount], const Where& span, Word) const {
    store_values(args, values, span);
  }

  template <class Where>
  PATDSL_DEVICE void finish(const Where& span) const {
    unsigned short* const row = span.template of<unsigned short>(args.y, args.y_stride);
    for (int i = args.hidden + thread_x(); i < args.y_width; i += block_threads()) row[i] = 0;
  }
};

// fp8: value * (1 / scale), limited. int8: value / scale.
template <class T>
struct StaticQuant : RowSink {
  static constexpr int kHeavySourceRegisters = 56;
  float scale;

  using RowSink::RowSink;
  PATDSL_DEVICE void prepare() {
    scale = *static_cast<const float*>(args.scale);  // not waited for here
  }

  template <class Where>
  PATDSL_DEVICE void write(const Vector (&values)[Where::kCount], const Where& span, Word) const {
    const float inverse = divide(1.0f, scale);
#pragma unroll
    for (int i = 0; i < Where::kCount; ++i) {
      float wide[kLanes];
      widen<T>(values[i], wide);
      if (args.int8) {
#pragma unroll
        for (int j = 0; j < kLanes; ++j) wide[j] = divide(wide[j], scale);
        store_bytes(args, int8_bytes(wide), span, i);
      } else {
#pragma unroll
        for (int j = 0; j < kLanes; ++j) {
          wide[j] = product(wide[j], inverse);
          if constexpr (kFnuz) {  // its largest value is above the limit
            wide[j] = wide[j] > kFp8Limit ? kFp8Limit : wide[j];
            wide[j] = wide[j] < -kFp8Limit ? -kFp8Limit : wide[j];
          }
        }
        Bytes<1> bytes;
        bytes.word[0] = fp8x4_saturated(wide[0], wide[1], wide[2], wide[3]);
        bytes.word[1] = fp8x4_saturated(wide[4], wide[5], wide[6], wide[7]);
        store_bytes(args, bytes, span, i);
      }
    }
    if (args.y) store_values(args, values, span);
  }
};

// One scale for the row.
template <class T>
struct TokenQuant : RowSink {
  static constexpr int kHeavySourceRegisters = 48;
  static constexpr bool kRowAmax = true;

  using RowSink::RowSink;

  template <class Where>
  PATDSL_DEVICE void write(const Vector (&values)[Where::kCount], const Where& span, Word row_amax) const {
    float* const out = span.template of<float>(args.scale, args.scale_row_stride);
    const bool first = span.first[0] == 0 && span.valid[0] > 0;
    if (args.int8) {
      const float amax = T::low(row_amax);
      const float inverse = amax == 0.0f ? 0.0f : divide(kInt8Limit, amax);
      if (first) *out = over_limit(amax, kInt8Limit, 1.0f / kInt8Limit);
#pragma unroll
      for (int i = 0; i < Where::kCount; ++i) {
        float wide[kLanes];
        widen<T>(values[i], wide);
#pragma unroll
        for (int j = 0; j < kLanes; ++j) wide[j] = product(wide[j], inverse);
        store_bytes(args, int8_bytes(wide), span, i);
      }
    } else {
      const Scale scale = token_scale<T>(row_amax);
      if (first) *out = scale.value;
#pragma unroll
      for (int i = 0; i < Where::kCount; ++i) {
        float wide[kLanes];
        divided<T>(values[i], scale, wide);
        store_bytes(args, fp8_bytes(wide), span, i);
      }
    }
    if (args.y) store_values(args, values, span);
  }
};

// fp8 with a scale for each 128 neighbours, which are 16 lanes: the most used form, and the fastest.
template <class T>
struct Group128Quant : RowSink {
  static constexpr bool kLate = true;
  static constexpr int kHeavySourceRegisters = 40;
  static constexpr int kGroupLanes = 128 / kLanes;

  using RowSink::RowSink;

  template <class Where>
  PATDSL_DEVICE void write(const Vector (&values)[Where::kCount], const Where& span, Word) const {
    if constexpr (Where::kCount % 2 == 0) {
#pragma unroll
      for (int i = 0; i < Where::kCount; i += 2) write_pair(values[i], values[i + 1], span, i);
    } else {
      static_assert(Where::kCount == 1, "vectors are quantised in pairs, or one alone");
      const Word amax = larger_half(group_max<kGroupLanes>(magnitudes_of<T>(values[0], span, 0)));
      const Scale scale = found(amax);
      quantise(values[0], scale.high, scale.low, span, 0);
      if (static_cast<unsigned>(thread_x()) % kGroupLanes == 0) write_scale(scale, span, span.first[0], span.valid[0] > 0);
    }
    if (args.y) store_values(args, values, span);
  }

  // Two vectors at once: their maxima go through the lanes as one word, and of each two lanes one works out the scale of
  // the first vector's group and one that of the second's.
  template <class Where>
  PATDSL_DEVICE void write_pair(const Vector& one, const Vector& two, const Where& span, int i) const {
    const Word a = magnitudes_of<T>(one, span, i), b = magnitudes_of<T>(two, span, i + 1);
    const Word pair = max_u16x2(low_halves(a, b), high_halves(a, b));
    const Word amax = group_max<kGroupLanes>(pair);
    const bool odd = static_cast<unsigned>(thread_x()) % 2;
    const Scale mine = found(odd ? amax >> 16 : amax & 0xffffu);
    const float high = as_float(exchange<1>(as_bits(mine.high))), low = as_float(exchange<1>(as_bits(mine.low)));
    quantise(one, odd ? high : mine.high, odd ? low : mine.low, span, i);
    quantise(two, odd ? mine.high : high, odd ? mine.low : low, span, i + 1);
    const unsigned first[2] = {span.first[i], span.first[i + 1]};
    const int valid[2] = {span.valid[i], span.valid[i + 1]};
    const unsigned place = odd ? first[1] : first[0];
    // Of a row's last group with one vector, the lane that has the scale lies past the row.
    const bool begun = (odd ? valid[1] : valid[0]) > 0 || place / 128 * 128 < static_cast<unsigned>(args.hidden);
    if (static_cast<unsigned>(thread_x()) % kGroupLanes < 2) write_scale(mine, span, place, begun);
  }

  static PATDSL_DEVICE Scale found(Word amax) { return group_scale<T>(amax, kFp8Limit, 1.0f / kFp8Limit); }

  template <class Where>
  PATDSL_DEVICE void quantise(const Vector& values, float high, float low, const Where& span, int i) const {
    float wide[kLanes];
    divided<T>(values, {0.0f, high, low}, wide);
    store_bytes(args, fp8_bytes(wide), span, i);
  }

  template <class Where>
  PATDSL_DEVICE void write_scale(const Scale& scale, const Where& span, unsigned first, bool begun) const {
    if (begun) store_scale(args, span, first / 128, scale.value);
  }
};

// fp8 with an e8m0 scale for each 32 neighbours, which are 4 lanes.
template <class T>
struct MxQuant : RowSink {
  static constexpr int kHeavySourceRegisters = 48;
  static constexpr int kGroup = 32, kGroupLanes = kGroup / kLanes;

  using RowSink::RowSink;

  template <class Where>
  PATDSL_DEVICE void write(const Vector (&values)[Where::kCount], const Where& span, Word) const {
    if constexpr (Where::kCount % 2 == 0) {
#pragma unroll
      for (int i = 0; i < Where::kCount; i += 2) {  // the maxima of two groups go through the lanes as one word
        const Word a = magnitudes_of<T>(values[i], span, i), b = magnitudes_of<T>(values[i + 1], span, i + 1);
        const Word amax = group_max<kGroupLanes>(max_u16x2(low_halves(a, b), high_halves(a, b)));
        write_vector(values[i], amax & 0xffffu, span, i);
        write_vector(values[i + 1], amax >> 16, span, i + 1);
      }
    } else {
#pragma unroll
      for (int i = 0; i < Where::kCount; ++i) {
        const Word amax = larger_half(group_max<kGroupLanes>(magnitudes_of<T>(values[i], span, i)));
        write_vector(values[i], amax, span, i);
      }
    }
    if (args.y) store_values(args, values, span);
  }

  template <class Where>
  PATDSL_DEVICE void write_vector(const Vector& values, Word amax, const Where& span, int i) const {
    Word byte;
    const float inverse = mx_inverse<T>(amax, byte);
    float wide[kLanes];
    widen<T>(values, wide);
#pragma unroll
    for (int j = 0; j < kLanes; ++j) wide[j] *= inverse;  // by a power of two
    store_bytes(args, fp8_bytes(wide), span, i);
    if (span.first[i] % kGroup != 0 || span.valid[i] == 0) return;
    store_scale(args, span, span.first[i] / kGroup, static_cast<unsigned char>(byte));
  }
};

// An fp32 scale for each 32, 64 or 128 neighbours, as it is or a power of two; fp8 or int8.
template <class T>
struct GroupQuant : RowSink {
  static constexpr bool kHeavy = true, kSized = false;

  using RowSink::RowSink;

  template <class Where>
  PATDSL_DEVICE void write(const Vector (&values)[Where::kCount], const Where& span, Word) const {
    const int lanes = args.group / kLanes;
    const float limit = args.int8 ? kInt8Limit : kFp8Limit;
    const float inverse_limit = args.int8 ? 1.0f / kInt8Limit : 1.0f / kFp8Limit;
#pragma unroll
    for (int i = 0; i < Where::kCount; ++i) {
      // Written out: with `magnitudes_of` gfx942 and gfx950 need a register more here.
      const Word amax = larger_half(group_max(span.valid[i] > 0 ? magnitudes<T>(values[i]) : 0, lanes));
      Scale scale = group_scale<T>(amax, limit, inverse_limit);
      if (args.ue8m0) scale = power_of_two(scale.value);
      float wide[kLanes];
      if (args.int8) {
        widen<T>(values[i], wide);
#pragma unroll
        for (int j = 0; j < kLanes; ++j) wide[j] = divide(wide[j], scale.value);
        store_bytes(args, int8_bytes(wide), span, i);
      } else {
        divided<T>(values[i], scale, wide);
        store_bytes(args, fp8_bytes(wide), span, i);
      }
      if (span.first[i] % args.group != 0 || span.valid[i] == 0) continue;
      store_scale(args, span, span.first[i] / args.group, scale.value);
    }
    if (args.y) store_values(args, values, span);
  }
};

}  // namespace patdsl
