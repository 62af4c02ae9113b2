// Rotary embedding of q and k, and the write of k and v into a paged cache: one token a block, one launch for all.
//
// In: RopeArgs. Out: q and k with the first `turn` values of every head turned and the rest copied, and, where a token
// has a slot, k as rounded and v in the caches. The same kernel is the form for latent attention: q's copied
// values come from and go to places of their own (the concatenation), k is one head without a rest, and "v" the
// latent, cut into heads. Checks nothing: the launcher does.
//
// A head is as many units as rope_unit.h cuts it into. A thread stays with one unit and goes from head to head, so that
// it reads its angles once.
#pragma once

#include "patdsl/rope_unit.h"

namespace patdsl {

struct RopeArgs {
  const Int64* positions;        // [tokens]; not read where nothing is turned
  const void* cos_sin;           // T or f32: `turn` / 2 cosines, then as many sines a row
  const Int64* slots;            // [slot_count], or null
  const float *k_scale, *v_scale;  // read for fp8 caches
  const unsigned short *q, *q_rest;  // the turned values and the others
  unsigned short *q_out, *q_rest_out;
  const unsigned short* k;  // the rest of a head follows its turned values
  unsigned short* k_out;    // may be null
  const unsigned short* v;
  void *k_cache, *v_cache;  // T or fp8
  // In elements, from token to token and from head to head.
  Word q_stride, q_head, q_rest_stride, q_rest_head, q_out_stride, q_out_head;
  Word k_stride, k_head, k_out_stride, k_out_head, v_stride, v_head;
  Word cos_sin_stride, cos_sin_rows;
  Word k_block, k_page, k_cache_head, v_block, v_page, v_cache_head;
  Word slot_count, slot_limit;   // slots of a cache: others, -1 among them, are skipped
  int q_heads, k_end, heads;     // heads of q; of q and k; all
  int turn, q_rest_size, k_rest_size, v_size;  // values of a head
  int turn_units, units;  // units of the turned values; of the longest head
  int at_once, block_heads;  // heads that a block has in hand, and in all
  int block_size, block_shift;  // slots of a cache block; its logarithm, or -1
  bool neox, cos_sin_f32;
};

constexpr int kRopeThreads = 256;
constexpr int rope_threads(int form) { return form == kElements ? 1024 : kRopeThreads; }

// What there is to do with one unit of a head. Distances and sizes are in elements.
struct Unit {
  const unsigned short* from;
  unsigned short* to;  // null: only the cache gets it
  Int64 cached;        // its place in a cache
  int distance;        // from the first run to the second
  bool here, second;   // whether the head has this unit, and whether the unit has a second run
};

PATDSL_DEVICE Int64 times(Word count, Word stride) { return static_cast<Int64>(count) * stride; }

// Unit `place` (in elements) of `size` values that are copied.
template <int kForm>
PATDSL_DEVICE void copied(Unit& unit, int place, int size) {
  unit.distance = (size + 1) / 2;
  unit.here = place < unit.distance;
  unit.second = kForm != kElements || place + unit.distance < size;
}

template <class T, int kForm, bool kFp8>
PATDSL_KERNEL(rope_threads(kForm), kForm == kElements ? 1 : 4)
void rope_cache(RopeArgs args) {
  const unsigned thread = thread_x();
  const unsigned lane_head = thread / static_cast<unsigned>(args.units);
  const int number = static_cast<int>(thread - lane_head * args.units);
  int head = block_y() * args.block_heads + static_cast<int>(lane_head);
  const int last = args.heads < (block_y() + 1) * args.block_heads ? args.heads : (block_y() + 1) * args.block_heads;
  if (static_cast<int>(lane_head) >= args.at_once || head >= last) return;

  const Word token = static_cast<Word>(block_x());
  const bool turned = number < args.turn_units;
  const Int64 position = args.turn_units > 0 ? args.positions[token] : 0;
  const Int64 slot = args.slots && token < args.slot_count ? args.slots[token] : -1;
  const bool cached = static_cast<unsigned long long>(slot) < args.slot_limit;
  const Word in_cache = cached ? static_cast<Word>(slot) : 0u, size = args.block_size;
  const Word block = args.block_shift >= 0 ? in_cache >> args.block_shift : in_cache / size;
  const Word page = in_cache - block * size;
  float k_scale = 1.0f, v_scale = 1.0f;
  if constexpr (kFp8) k_scale = *args.k_scale, v_scale = *args.v_scale;

  const int turn_place = (kForm == kElements && !args.neox ? 2 : kRun<kForm>) * number;
  const int rest_place = kRun<kForm> * (number - args.turn_units);
  const auto find = [&](int which) {
    Unit unit = {nullptr, nullptr, 0, kForm == kElements && !args.neox ? 1 : args.turn / 2, true, true};
    if (which < args.q_heads) {
      if (turned) {
        unit.from = args.q + times(token, args.q_stride) + times(which, args.q_head) + turn_place;
        unit.to = args.q_out + times(token, args.q_out_stride) + times(which, args.q_out_head) + turn_place;
      } else {
        copied<kForm>(unit, rest_place, args.q_rest_size);
        unit.from = args.q_rest + times(token, args.q_rest_stride) + times(which, args.q_rest_head) + rest_place;
        unit.to = args.q_rest_out + times(token, args.q_out_stride) + times(which, args.q_out_head) + rest_place;
      }
    } else if (which < args.k_end) {
      if (!turned) copied<kForm>(unit, rest_place, args.k_rest_size);
      const int k = which - args.q_heads, place = turned ? turn_place : args.turn + rest_place;
      unit.from = args.k + times(token, args.k_stride) + times(k, args.k_head) + place;
      if (args.k_out) unit.to = args.k_out + times(token, args.k_out_stride) + times(k, args.k_out_head) + place;
      unit.cached = times(block, args.k_block) + times(page, args.k_page) + times(k, args.k_cache_head) + place;
    } else {
      const int v = which - args.k_end, place = kRun<kForm> * number;
      copied<kForm>(unit, place, args.v_size);
      unit.from = args.v + times(token, args.v_stride) + times(v, args.v_head) + place;
      unit.cached = times(block, args.v_block) + times(page, args.v_page) + times(v, args.v_cache_head) + place;
    }
    return unit;
  };

  // The first values are asked for before the angles, whose place is known only when the position is.
  Unit unit = find(head);
  Runs runs = {};
  if (unit.here) load_runs<kForm>(unit.from, unit.distance, unit.second, runs);
  Angles<kForm> angles = {};
  if (turned) {
    const bool known = static_cast<unsigned long long>(position) < args.cos_sin_rows;
    const Int64 row = known ? times(static_cast<Word>(position), args.cos_sin_stride) : 0;
    if (args.cos_sin_f32) {
      load_angles<T, kForm>(static_cast<const float*>(args.cos_sin) + row, args.turn / 2, number, angles);
    } else {
      load_angles<T, kForm>(static_cast<const unsigned short*>(args.cos_sin) + row, args.turn / 2, number, angles);
    }
    if (!known) {  // what no table has must not pass for a turned value
#pragma unroll
      for (int i = 0; i < kRun<kForm>; ++i) angles.cos[i] = as_float(0x7fc00000u);
    }
  }

  for (;;) {
    if (unit.here) {
      if (turned && head < args.k_end) turn<T, kForm>(runs, angles);
      if (unit.to) store_runs<kForm>(unit.to, unit.distance, unit.second, runs);
      if (cached && head >= args.q_heads) {
        const bool is_k = head < args.k_end;
        void* const cache = is_k ? args.k_cache : args.v_cache;
        if constexpr (kFp8) {
          store_runs_fp8<T, kForm>(static_cast<unsigned char*>(cache) + unit.cached, unit.distance, unit.second, runs,
                                   is_k ? k_scale : v_scale);
        } else {
          store_runs<kForm>(static_cast<unsigned short*>(cache) + unit.cached, unit.distance, unit.second, runs);
        }
      }
    }
    head += args.at_once;
    if (head >= last) return;
    unit = find(head);
    if (unit.here) load_runs<kForm>(unit.from, unit.distance, unit.second, runs);
  }
}

}  // namespace patdsl
