// Two norms in one launch, each row by row: of the two parts of a split row, as multi-head latent attention has them.
//
// In: RowsArgs of each. Out: what the sink writes of the first, and the norm of the second. The first dimension of the
// grid is the row, the second one says which of the two. Checks nothing: the launcher does.
#pragma once

#include "patdsl/rows.h"

namespace patdsl {

struct DualArgs {
  RowsArgs first, second;
};

// Both parts fast, and at most kVectors * 8 * 512 long.
template <class T, class Sink, int kVectors>
PATDSL_KERNEL(kHeldThreads, (kHeldBlocks<Norm<T, false, true>, Sink, kVectors>))
void dual_held(DualArgs args) {
  if (block_y() == 0) {
    held_row<T, Norm<T, false, true>, Sink, kVectors, 0>(args.first);
  } else {
    held_row<T, Norm<T, false, true>, Store<T>, kVectors, 0>(args.second);
  }
}

// The same where both sizes are compiled in; the second part is the shorter one, and has fewer threads.
template <class T, class Sink, int kFirst, int kSecond>
PATDSL_KERNEL((kRowThreads<2, kFirst, kWave>), (kBlocksAtOnce<kRowThreads<2, kFirst, kWave>, 40>))
void dual_sized(DualArgs args) {
  if (block_y() == 0) {
    args.first.hidden = kFirst;
    args.first.inverse_size = 1.0f / kFirst;
    held_row<T, Norm<T, false, true>, Sink, 2, kFirst>(args.first);
  } else if (thread_x() < kRowThreads<2, kSecond, kWave>) {
    static_assert(kRowThreads<2, kSecond, kWave> == kWave, "one wave needs no barrier: the others may be gone");
    args.second.hidden = kSecond;
    args.second.inverse_size = 1.0f / kSecond;
    held_row<T, Norm<T, false, true>, Store<T>, 2, kSecond>(args.second);
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
