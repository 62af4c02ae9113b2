// Rotary embedding of q and k, and the write of k and v into a paged cache: one token a block, one launch for all.
//
// In: RopeArgs. Out: q and k with the first `turn` values of every head turned and the rest copied, and, where a token
// has a slot, k as rounded and v in the caches. The same kernel is the form for latent attention: q's copied
// values come from and go to places of their own (the concatenation), k is one head without a rest, and "v" the
// latent, cut into heads. Checks nothing: the launcher does.
//
// A head is as many units as rope_unit.h cuts it into. The threads that work on one head are a column; a column has heads
// of one kind, at equal distances, so that a thread finds its place and reads its angles once.
#pragma once

#include "patdsl/rope_unit.h"

namespace patdsl {

struct RopeArgs {
  const Int64* positions;          // [tokens]; not read where nothing is turned
  const void* cos_sin;             // T or f32: `turn` / 2 cosines, then as many sines a row
  const Int64* slots;              // [slot_count], or null
  const unsigned short *q, *q_rest;  // the turned values and the others
  unsigned short *q_out, *q_rest_out;
  const unsigned short* k;  // the rest of a head follows its turned values
  unsigned short* k_out;    // may be null
  void* k_cache;            // T or fp8
  const float* k_scale;     // read for fp8 caches
  const unsigned short* v;
  void* v_cache;
  const float* v_scale;
  // In elements, from token to token and from head to head.
  Word q_stride, q_head, q_rest_stride, q_rest_head, q_out_stride, q_out_head;
  Word k_stride, k_head, k_out_stride, k_out_head, v_stride, v_head;
  Word k_block, k_page, k_cache_head, v_block, v_page, v_cache_head;
  Word cos_sin_stride, cos_sin_rows;
  Word slot_count, slot_limit;           // slots of a cache: others, -1 among them, are skipped
  int q_heads, k_heads, v_heads;
  int q_columns, k_columns, v_columns;
  int turn, q_rest_size, k_rest_size, v_size;  // values of a head
  int turn_units, units;                 // units of the turned values; of the longest head
  int at_once;                           // columns of a block
  int block_size, block_shift;           // slots of a cache block; its logarithm, or -1
  bool neox, cos_sin_f32;
};

constexpr int kRopeThreads = 256;
constexpr int rope_threads(int form) { return form == kElements ? 1024 : kRopeThreads; }

PATDSL_DEVICE Int64 times(Word count, Word stride) { return static_cast<Int64>(count) * stride; }

// A slot of the caches, in blocks and slots of a block. `there`: the token has one.
struct Slot {
  Word block, page;
  bool there;
};

PATDSL_DEVICE Slot find_slot(const RopeArgs& args, Word token) {
  const Int64 slot = args.slots && token < args.slot_count ? args.slots[token] : -1;
  const bool there = static_cast<unsigned long long>(slot) < args.slot_limit;
  const Word number = there ? static_cast<Word>(slot) : 0u, size = args.block_size;
  const Word block = args.block_shift >= 0 ? number >> args.block_shift : number / size;
  return {block, number - block * size, there};
}

// What a thread does: the same unit of some heads.
struct Work {
  const unsigned short* from;
  unsigned short* to;  // null: only the cache gets it
  void* cache;
  Int64 cached;  // where in the cache
  Word from_step, to_step, cached_step;  // to the column's next head
  int head, heads, columns;              // the heads of this kind, and by how many a column goes on
  int distance;                          // from the first run of the unit to the second
  bool turned, here, second;  // whether heads of this kind have this unit, and whether it has a second run
};

// The unit that begins at `place` of `size` values that are copied.
template <int kForm>
PATDSL_DEVICE void copied(Work& work, int place, int size) {
  work.turned = false;
  work.distance = (size + 1) / 2;
  work.here = place < work.distance;
  work.second = kForm != kElements || place + work.distance < size;
}

// The work of unit `number` in `column` on `token`.
template <int kForm>
PATDSL_DEVICE Work find_work(const RopeArgs& args, Word token, int column, int number, const Slot& slot) {
  const bool neighbours = kForm == kElements && !args.neox;
  const bool turned = number < args.turn_units;
  const int turn_place = (neighbours ? 2 : kRun<kForm>) * number;
  const int rest_place = kRun<kForm> * (number - args.turn_units);
  Work work = {nullptr, nullptr, nullptr, 0, 0, 0, 0, column, 0, 0, neighbours ? 1 : args.turn / 2, true, true, true};
  if (column < args.q_columns) {
    const Word head = column;
    work.heads = args.q_heads, work.columns = args.q_columns;
    work.from_step = (turned ? args.q_head : args.q_rest_head), work.to_step = args.q_out_head;
    if (turned) {
      work.from = args.q + times(token, args.q_stride) + times(head, args.q_head) + turn_place;
      work.to = args.q_out + times(token, args.q_out_stride) + times(head, args.q_out_head) + turn_place;
    } else {
      copied<kForm>(work, rest_place, args.q_rest_size);
      if (!work.here) return work;  // there may be no rest at all, and no memory for it
      work.from = args.q_rest + times(token, args.q_rest_stride) + times(head, args.q_rest_head) + rest_place;
      work.to = args.q_rest_out + times(token, args.q_out_stride) + times(head, args.q_out_head) + rest_place;
    }
  } else if (column < args.q_columns + args.k_columns) {
    if (!turned) copied<kForm>(work, rest_place, args.k_rest_size);
    work.head = column - args.q_columns, work.heads = args.k_heads, work.columns = args.k_columns;
    work.from_step = args.k_head, work.to_step = args.k_out_head, work.cached_step = args.k_cache_head;
    const Word head = work.head;
    const int place = turned ? turn_place : args.turn + rest_place;
    work.from = args.k + times(token, args.k_stride) + times(head, args.k_head) + place;
    if (args.k_out) work.to = args.k_out + times(token, args.k_out_stride) + times(head, args.k_out_head) + place;
    work.cached = times(slot.block, args.k_block) + times(slot.page, args.k_page) + times(head, args.k_cache_head) + place;
    work.cache = slot.there ? args.k_cache : nullptr;
  } else {
    const int place = kRun<kForm> * number;
    copied<kForm>(work, place, args.v_size);
    work.head = column - args.q_columns - args.k_columns, work.heads = args.v_heads, work.columns = args.v_columns;
    work.from_step = args.v_head, work.cached_step = args.v_cache_head;
    const Word head = work.head;
    work.from = args.v + times(token, args.v_stride) + times(head, args.v_head) + place;
    work.cached = times(slot.block, args.v_block) + times(slot.page, args.v_page) + times(head, args.v_cache_head) + place;
    work.cache = slot.there ? args.v_cache : nullptr;
  }
  return work;
}

template <class T, int kForm>
PATDSL_DEVICE void find_angles(const RopeArgs& args, Int64 position, int number, Angles<kForm>& angles) {
  const bool known = static_cast<unsigned long long>(position) < args.cos_sin_rows;
  const Int64 row = known ? times(static_cast<Word>(position), args.cos_sin_stride) : 0;
  if (args.cos_sin_f32) {
    load_angles<T, kForm>(static_cast<const float*>(args.cos_sin) + row, args.turn / 2, number, angles);
  } else {
    load_angles<T, kForm>(static_cast<const unsigned short*>(args.cos_sin) + row, args.turn / 2, number, angles);
  }
  if (known) return;
#pragma unroll
  for (int i = 0; i < kRun<kForm>; ++i) angles.cos[i] = as_float(0x7fc00000u);  // must not pass for a turned value
}

template <class T, int kForm, bool kFp8>
PATDSL_KERNEL(rope_threads(kForm), kForm == kElements ? 1 : 4)
void rope_cache(RopeArgs args) {
  wait_for_previous();
  const unsigned thread = thread_x(), units = static_cast<unsigned>(args.units);
  const int column_here = static_cast<int>(thread / units);
  const int number = static_cast<int>(thread - static_cast<unsigned>(column_here) * units);
  const int column = block_y() * args.at_once + column_here;
  if (column_here >= args.at_once || column >= args.q_columns + args.k_columns + args.v_columns) return;

  const Word token = static_cast<Word>(block_x());
  const Int64 position = args.turn > 0 ? args.positions[token] : 0;
  Work work = find_work<kForm>(args, token, column, number, find_slot(args, token));
  if (!work.here) return;
  // The first values are asked for before the angles, whose place is known only when the position is.
  Runs runs = load_runs<kForm>(work.from, work.distance, work.second);
  Angles<kForm> angles = {};
  if (work.turned) find_angles<T, kForm>(args, position, number, angles);
  float scale = 1.0f;
  if constexpr (kFp8) {
    if (work.cache) scale = column < args.q_columns + args.k_columns ? *args.k_scale : *args.v_scale;
  }
  let_next_begin();

  for (;;) {
    if (work.turned) turn<T, kForm>(runs, angles);
    if (work.to) {
      store_runs<kForm>(work.to, work.distance, work.second, runs);
      work.to += times(work.columns, work.to_step);
    }
    if (work.cache) {
      if constexpr (kFp8) {
        unsigned char* const cache = static_cast<unsigned char*>(work.cache) + work.cached;
        store_runs_fp8<T, kForm>(cache, work.distance, work.second, runs, scale);
      } else {
        store_runs<kForm>(static_cast<unsigned short*>(work.cache) + work.cached, work.distance, work.second, runs);
      }
      work.cached += times(work.columns, work.cached_step);
    }
    work.head += work.columns;
    if (work.head >= work.heads) return;
    work.from += times(work.columns, work.from_step);
    runs = load_runs<kForm>(work.from, work.distance, work.second);
  }
}

}  // namespace patdsl
