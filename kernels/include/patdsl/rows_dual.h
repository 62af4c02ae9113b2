// Two norms in one launch, each row by row: of the two parts of a split row, as multi-head latent attention has them.
//
// In: RowsArgs of each. Out: what the sink writes of the first, and the norm of the second. Where the grid has two
// dimensions, the second one says which of the two. Checks nothing: the launcher does.
#pragma once

#include "patdsl/rows.h"

namespace patdsl {

struct DualArgs {
  RowsArgs first, second;
};

// Both parts fast, and at most kVectors * 8 * 512 long.
template <class T, class Sink, int kVectors, bool kFew>
PATDSL_KERNEL(kHeldThreads, (kHeldBlocks<Norm<T, false, true>, Sink, kVectors, kFew>))
void dual_held(DualArgs args) {
  if (block_y() == 0) {
    held_row<T, Norm<T, false, true>, Sink, kVectors, 0, kFew>(args.first);
  } else {
    held_row<T, Norm<T, false, true>, Store<T>, kVectors, 0, kFew>(args.second);
  }
}

// The threads of a block that has both parts of a row.
template <int kFirst, int kSecond, int kLanesOfWave>
inline constexpr int kDualThreads = kRowThreads<2, kFirst, kLanesOfWave> + kRowThreads<2, kSecond, kLanesOfWave>;

// Both sizes compiled in, and both parts of a row in one block: the last wave has the second part. Half as many blocks
// have to be started, which is what short rows take longest for.
template <class T, class Sink, int kFirst, int kSecond, bool kFew>
PATDSL_KERNEL((kDualThreads<kFirst, kSecond, kWave>), (kBlocksAtOnce<kDualThreads<kFirst, kSecond, kWave>, 40>))
void dual_sized(DualArgs args) {
  constexpr int kThreads = kRowThreads<2, kFirst, kWave>;
  static_assert(kRowThreads<2, kSecond, kWave> == kWave, "the second part's sum needs no barrier");
  static_assert(kThreads > kWave, "the first part's sum needs one barrier, and the largest magnitude another");
  if (thread_x() < kThreads) {
    args.first.hidden = kFirst;
    args.first.inverse_size = 1.0f / kFirst;
    held_row<T, Norm<T, false, true>, Sink, 2, kFirst, kFew>(args.first);
  } else {
    args.second.hidden = kSecond;
    args.second.inverse_size = 1.0f / kSecond;
    held_row<T, Norm<T, false, true>, Store<T>, 2, kSecond, kFew>(args.second, kThreads);
    block_barrier();  // those of the first part
    if constexpr (Sink::kRowAmax) block_barrier();
  }
}

// Any weights, lengths and alignments.
template <class T, class Sink>
PATDSL_KERNEL(kMaxThreads, 1)
void dual_looped(DualArgs args) {
  begin(args.first.next);
  if (block_y() == 0) {
    looped_row<T, AnyNorm<T>, Sink, false>(args.first);
  } else {
    looped_row<T, AnyNorm<T>, Store<T>, false>(args.second);
  }
}

}  // namespace patdsl
