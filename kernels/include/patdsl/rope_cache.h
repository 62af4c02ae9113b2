// Rotary embedding of q and k, and the write of k and v into a paged cache: one token a block, one launch for all.
//
// In: RopeArgs. Out: q and k with the first `turn` values of every head turned and the rest copied, and, where a token
// has a slot, k as rounded and v in the caches. The same kernel is the form for latent attention: q's copied
// values come from and go to places of their own (the concatenation), k is one head without a rest, and "v" the
// latent, cut into heads. Checks nothing: the launcher does.
//
// A head is as many units as rope_unit.h cuts it into. The threads that work on one head are a column; a column has heads
// of one kind, at equal distances, so that a thread finds its place and reads its angles once.
//
// A GPU begins a thread's instructions in their order, and waits where one needs what is not there yet. So whatever
// depends on no memory comes before the wait for the kernel ahead; then all reads that do not depend on another; then
// those that the position decides; then what depends on the slot.
#pragma once

#include "patdsl/rope_unit.h"

namespace patdsl {

// What a thread may be given to do, with the heads of one kind: their turned values, or the others.
enum RopePart { kTurnedQ, kRestOfQ, kTurnedK, kRestOfK, kWholeV, kRopeParts };

// Pointers to the first of these values of head 0 of token 0; strides in elements.
struct Part {
  const unsigned short* from;
  unsigned short* to;  // null: only the cache gets them
  void* cache;         // T or fp8, or null
  const float* scale;  // read for fp8 caches; null where there is none
  Word from_token, from_head, to_token, to_head;
  Word cache_block, cache_page, cache_head;
  int heads, column, columns;  // the first column of these heads, and how many they have
  int units, size;             // of a head; its values
  int distance, step;          // from the first run of a unit to the second; from unit to unit
};

struct RopeArgs {
  const Int64* positions;  // [tokens], or null where nothing is turned
  const Int64* slots;      // [slot_count], or null
  const void* cos_sin;     // T or f32: `half_turn` cosines, then as many sines a row
  Word slot_count, slot_limit;  // slots of a cache: others, -1 among them, are skipped
  Word cos_sin_stride, cos_sin_rows;
  Word unit_inverse;   // thread / units = thread * unit_inverse >> kUnitShift
  Word block_inverse;  // slot / block_size = slot * block_inverse >> block_shift
  int block_shift, block_size;
  int half_turn, turn_units, units;     // half of the turned values; units of these, and of the longest head
  int at_once;                          // columns of a block
  int q_columns, q_k_columns, columns;  // of q, of q and k, of all
  bool cos_sin_f32;
  bool fetch_ahead;  // asks for what does not depend on the position before it may read
  Next next;         // kAtStart or kAfterWait
  Part parts[kRopeParts];
};

constexpr int kRopeThreads = 256;
constexpr int rope_threads(int form) { return form == kElements ? 1024 : kRopeThreads; }
constexpr int kUnitShift = 20;  // exact for less than 1024 threads and up to 1024 units

PATDSL_DEVICE Int64 times(Word count, Word stride) { return static_cast<Int64>(count) * stride; }

// What a thread is given to do. Waves of 64 have no cheap way to read arguments that differ from lane to lane.
PATDSL_DEVICE decltype(auto) part_of(const RopeArgs& args, int which) {
  if constexpr (kWave == 32) {
    return (args.parts[which]);
  } else {
    Part part = args.parts[0];
#pragma unroll
    for (int i = 1; i < kRopeParts; ++i) {
      if (which == i) part = args.parts[i];
    }
    return part;
  }
}

// Asks for the angles of a token. `known`: the table has its position.
template <int kForm>
PATDSL_DEVICE RawAngles<kForm> ask_for_angles(const RopeArgs& args, Int64 position, bool known, int number) {
  const Int64 row = known ? times(static_cast<Word>(position), args.cos_sin_stride) : 0;
  if (args.cos_sin_f32) return load_angles<kForm>(static_cast<const float*>(args.cos_sin) + row, args.half_turn, number);
  return load_angles<kForm>(static_cast<const unsigned short*>(args.cos_sin) + row, args.half_turn, number);
}

template <class T, int kForm, bool kFp8>
PATDSL_KERNEL(rope_threads(kForm), kForm == kElements ? 1 : 4)
void rope_cache(RopeArgs args) {
  const Word thread = thread_x(), column_here = thread * args.unit_inverse >> kUnitShift;
  int number = static_cast<int>(thread - column_here * static_cast<Word>(args.units));
  const int column = block_y() * args.at_once + static_cast<int>(column_here);
  int which = column < args.q_columns ? kTurnedQ : column < args.q_k_columns ? kTurnedK : kWholeV;
  const bool turned = which != kWholeV && number < args.turn_units;
  if (which != kWholeV && !turned) which += 1, number -= args.turn_units;
  const Part& part = part_of(args, which);

  const Word token = static_cast<Word>(block_x());
  const int columns = part.columns, heads = part.heads, distance = part.distance;
  int head = column - part.column;
  const int place = (kForm == kElements ? part.step : kLanes) * number;
  const bool here = column_here < static_cast<Word>(args.at_once) && column < args.columns && number < part.units;
  const bool second = kForm != kElements || place + distance < part.size;
  const Int64 from_at = times(token, part.from_token) + times(head, part.from_head) + place;
  Int64 to_at = times(token, part.to_token) + times(head, part.to_head) + place;
  const bool has_slot = args.slots && token < args.slot_count;
  if (!here) return;
  const unsigned short* from = part.from + from_at;
  if (args.next == Next::kAtStart) let_next_begin();
  if (args.fetch_ahead) {
    fetch_line_ahead(from);
    if (args.positions) fetch_line_ahead(args.positions + token);
    if (has_slot) fetch_line_ahead(args.slots + token);
  }
  wait_for_previous();
  if (args.next == Next::kAfterWait) let_next_begin();

  const Int64 position = args.positions ? args.positions[token] : 0;
  const Int64 slot = has_slot ? args.slots[token] : -1;
  float divisor = 1.0f;
  if constexpr (kFp8) {
    if (part.scale) divisor = *part.scale;
  }
  Runs runs = load_runs<kForm>(from, distance, second);
  const bool known = static_cast<unsigned long long>(position) < args.cos_sin_rows;
  RawAngles<kForm> raw = {};
  if (turned) raw = ask_for_angles<kForm>(args, position, known, number);

  const bool there = static_cast<unsigned long long>(slot) < args.slot_limit;
  const Word slot_there = there ? static_cast<Word>(slot) : 0u;
  const Word block = static_cast<Word>(times(slot_there, args.block_inverse) >> args.block_shift);
  const Word page = slot_there - block * static_cast<Word>(args.block_size);
  const Int64 page_at = times(block, part.cache_block) + times(page, part.cache_page);
  const Int64 cached = page_at + times(head, part.cache_head) + place;
  unsigned short* const to = part.to;
  constexpr int kBytes = kFp8 ? 1 : 2;
  unsigned char* cache = there && part.cache ? static_cast<unsigned char*>(part.cache) + kBytes * cached : nullptr;
  const Inverse scale = kFp8 ? inverse(divisor) : Inverse{};
  const Angles<kForm> angles = widened<T, kForm>(raw, args.cos_sin_f32, known);

  for (;;) {
    if (turned) turn<T, kForm>(runs, angles);
    head += columns;
    const bool more = head < heads;
    Runs next = {};
    if (more) {
      from += times(columns, part.from_head);
      next = load_runs<kForm>(from, distance, second);
    }
    if (to) store_runs<kForm>(to + to_at, distance, second, runs);
    if (cache) {
      if constexpr (kFp8) {
        store_runs_fp8<T, kForm>(cache, distance, second, runs, scale);
      } else {
        store_runs<kForm>(reinterpret_cast<unsigned short*>(cache), distance, second, runs);
      }
    }
    if (!more) return;
    runs = next;
    to_at += times(columns, part.to_head);
    if (cache) cache += kBytes * times(columns, part.cache_head);
  }
}

}  // namespace patdsl
