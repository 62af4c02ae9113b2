// Kernels that work row by row, one row a block: a source's values into a sink.
//
// In: RowsArgs. Out: what the sink writes, and x + other of an adding source. Checks nothing: the launcher does.
//
// Four forms. `held`: a thread's vectors stay in registers and the row is read once; rows are fast. With kHidden the
// size of the row is known when the kernel is compiled. `packed`: the same for short rows, 16 lanes each. `tiled`: where
// nothing is asked of a row as a whole, several blocks share it. `looped`: any row length and alignment; the row is read
// again for each pass (then from cache), and written in the last one alone, so that results may lie where the inputs do.
#pragma once

#include "patdsl/row_sinks.h"
#include "patdsl/row_sources.h"

namespace patdsl {

PATDSL_DEVICE void begin(Next next) {
  if (next == Next::kAtStart) let_next_begin();
  wait_for_previous();
  if (next == Next::kAfterWait) let_next_begin();
}

PATDSL_DEVICE float norm_factor(const RowsArgs& args, float sum) {
  return reciprocal_square_root(fused_multiply_add(sum, args.inverse_size, args.epsilon));
}

// The row of this block, by its threads from `first_thread` on. With kFew there are so few rows that most of the machine
// is idle: while the kernel before this ends, all that can be is made ready. Of many rows some work while others wait, and
// would be disturbed.
template <class T, class Source, class Sink, int kVectors, int kHidden, bool kFew>
PATDSL_DEVICE void held_row(const RowsArgs& args, unsigned first_thread = 0) {
  constexpr int kThreads = kRowThreads<kVectors, kHidden, kWave>;
  using Block = BlockSlots<kThreads, (kHidden > 0)>;
  using Where = Span<kVectors, true>;
  PATDSL_SHARED(Four, sum_slots, Block::kFours);
  PATDSL_SHARED(Four, amax_slots, Block::kFours);
  const Where span = held_span<kVectors, kHidden>(args.hidden, first_thread);
  if constexpr (!kFew) begin(args.next);
  typename Source::template Row<Where> row(args, span);
  Sink sink(args);
  if constexpr (kFew) {
    row.fetch_ahead();
    begin(args.next);
  }
  row.load();
  sink.prepare();
  float factor = 1.0f;
  if constexpr (Source::kMeasures) {
    const float own = row.squares();
    row.write_sum();
    factor = norm_factor(args, Block::sum(own, sum_slots));
  }
  if (!kFew && args.next == Next::kAfterSum) let_next_begin();
  Vector values[kVectors];
  row.values(factor, values);
  Word amax = 0;
  if constexpr (Sink::kRowAmax) {
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      amax = max_u16x2(amax, magnitudes_of<T>(values[i], span, i));
    }
    amax = larger_half(Block::max_u16x2(amax, amax_slots));
  }
  sink.write(values, span, amax);
  sink.finish(span);
}

// Blocks of kHeldThreads that must find room: more registers a thread where a source or sink holds more, or few rows leave
// room enough.
template <class Source, class Sink, int kVectors, bool kFew>
inline constexpr int kHeldBlocks = kVectors > 2 ? 1 : kFew || Source::kHeavy || Sink::kHeavy ? 2 : 3;

// hidden: a multiple of 8, at most kVectors * 8 * 512. Every row of 16-bit floats begins at a 16-byte boundary, and
// every row of q at an 8-byte one.
template <class T, class Source, class Sink, int kVectors, bool kFew>
PATDSL_KERNEL(kHeldThreads, (kHeldBlocks<Source, Sink, kVectors, kFew>))
void rows_held(RowsArgs args) {
  held_row<T, Source, Sink, kVectors, 0, kFew>(args);
}

// Blocks of kThreads that an NVIDIA multiprocessor holds where a thread has kRegisters: its four parts have 16,384 each.
template <int kThreads, int kRegisters>
inline constexpr int kBlocksAtOnce = 16384 / (32 * kRegisters) * 4 / ((kThreads + 31) / 32);

// The same for one size. With fewer registers a thread more rows are on the machine at once.
template <class T, class Source, class Sink, int kVectors, int kHidden, int kRegisters, bool kFew>
PATDSL_KERNEL((kRowThreads<kVectors, kHidden, kWave>),
              (kBlocksAtOnce<kRowThreads<kVectors, kHidden, kWave>, kRegisters>))
void rows_sized(RowsArgs args) {
  args.hidden = kHidden;
  args.inverse_size = 1.0f / kHidden;
  held_row<T, Source, Sink, kVectors, kHidden, kFew>(args);
}

constexpr int kPackedThreads = 128, kPackedLanes = 16;

struct PackedArgs {
  RowsArgs rows;
  Int64 count;  // of rows
};

// hidden: a multiple of 8, at most 128. Rows are as fast as for `held`, and are not padded.
template <class T, class Source, class Sink>
PATDSL_KERNEL(kPackedThreads, 8)
void rows_packed(PackedArgs packed) {
  const RowsArgs& args = packed.rows;
  const Int64 row = block_x() * (kPackedThreads / kPackedLanes) + thread_x() / kPackedLanes;
  const unsigned first = thread_x() % kPackedLanes * kLanes;
  const bool inside = row < packed.count && first < static_cast<unsigned>(args.hidden);
  using Where = Span<1, true>;
  const Where span = {row < packed.count ? row : packed.count - 1, {first}, {inside ? kLanes : 0}};
  typename Source::template Row<Where> source(args, span);
  Sink sink(args);
  if (args.next == Next::kAtStart) source.fetch_ahead();  // few rows, as in held_row
  begin(args.next);
  source.load();
  sink.prepare();
  float factor = 1.0f;
  if constexpr (Source::kMeasures) {
    const float own = source.squares();
    source.write_sum();
    factor = norm_factor(args, group_sum(own));
  }
  Vector values[1];
  source.values(factor, values);
  Word amax = 0;
  if constexpr (Sink::kRowAmax) {
    amax = larger_half(group_max<kPackedLanes>(magnitudes_of<T>(values[0], span, 0)));
  }
  sink.write(values, span, amax);
}

constexpr int kTileThreads = 64, kTile = kTileThreads * kLanes;

// hidden: a multiple of 8. Rows are as fast as for `held`; the second dimension of the grid is the part of the row. There
// are few rows, and what takes longest is one thread's work: it has one vector.
template <class T, class Source, class Sink>
PATDSL_KERNEL(kTileThreads, 24)
void rows_tiled(RowsArgs args) {
  static_assert(!Source::kMeasures && !Sink::kRowAmax, "a part of a row knows nothing of the others");
  using Where = Span<1, true>;
  const unsigned first = block_y() * kTile + thread_x() * kLanes;
  const Where span = {block_x(), {first}, {first < static_cast<unsigned>(args.hidden) ? kLanes : 0}};
  typename Source::template Row<Where> row(args, span);
  Sink sink(args);
  row.fetch_ahead();
  begin(args.next);
  row.load();
  sink.prepare();
  if (args.next == Next::kAfterLoads) let_next_begin();
  Vector values[1];
  row.values(1.0f, values);
  sink.write(values, span, 0);
  if (block_y() == 0) sink.finish(span);
}

// Elements past the row are 0 * factor, which is NaN where the factor is: they must not reach a maximum.
PATDSL_DEVICE void keep_valid(Vector& values, int valid) {
  if (valid == kLanes) return;
#pragma unroll
  for (int i = 0; i < kLanes; ++i) {
    if (i >= valid) values.word[i / 2] &= i % 2 ? 0x0000ffffu : 0xffff0000u;
  }
}

template <class T, class Source, class Sink, bool kFast>
PATDSL_DEVICE void looped_row(const RowsArgs& args) {
  using Block = BlockSlots<kMaxThreads, false>;
  using Where = Span<1, kFast>;
  PATDSL_SHARED(Four, sum_slots, Block::kFours);
  PATDSL_SHARED(Four, amax_slots, Block::kFours);
  const int stride = block_threads() * kLanes;
  const int begin = thread_x() * kLanes;
  const auto span_at = [&](int base) -> Where {
    return {block_x(), {static_cast<unsigned>(base + begin)}, {remaining(args.hidden, base + begin)}};
  };
  float factor = 1.0f;
  if constexpr (Source::kMeasures) {
    float sum = 0.0f;
    for (int base = 0; base < args.hidden; base += stride) {
      const Where span = span_at(base);
      typename Source::template Row<Where> row(args, span);
      row.load();
      sum += row.squares();
    }
    factor = norm_factor(args, Block::sum(sum, sum_slots));
  }
  Word amax = 0;
  if constexpr (Sink::kRowAmax) {
    for (int base = 0; base < args.hidden; base += stride) {
      const Where span = span_at(base);
      typename Source::template Row<Where> row(args, span);
      row.load();
      Vector values[1];
      row.values(factor, values);
      keep_valid(values[0], span.valid[0]);
      amax = max_u16x2(amax, magnitudes<T>(values[0]));
    }
    amax = larger_half(Block::max_u16x2(amax, amax_slots));
  }
  Sink sink(args);
  sink.prepare();
  for (int base = 0; base < args.hidden; base += stride) {  // the same number of turns in every lane
    const Where span = span_at(base);
    typename Source::template Row<Where> row(args, span);
    row.load();
    row.write_sum();
    Vector values[1];
    row.values(factor, values);
    keep_valid(values[0], span.valid[0]);
    sink.write(values, span, amax);
  }
  sink.finish(span_at(0));
}

template <class T, class Source, class Sink, bool kFast>
PATDSL_KERNEL(kMaxThreads, 1)
void rows_looped(RowsArgs args) {
  begin(args.next);
  looped_row<T, Source, Sink, kFast>(args);
}

}  // namespace patdsl
