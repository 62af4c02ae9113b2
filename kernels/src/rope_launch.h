// Which kernel of include/patdsl/rope_cache.h runs a call, and in what shape.
//
// In: the fields of a call. Out: 0, -1 for arguments that no kernel takes, -2 where a cache and an input overlap, else the
// runtime's error number. Each of the dtypes is instantiated in a file of its own, so that they compile side by side.
#pragma once

#include "patdsl/rope_cache.h"

// One call. Every field is 8 bytes, so that a caller without this header can lay it out. Sizes and strides are in
// elements; the values of a head lie side by side. Of q, k and v each may have no heads; then its pointers are not read.
// The stride of a dimension of size 1 means nothing.
struct PatdslRopeCall {
  const patdsl::Int64* positions;  // [tokens]; not read where turn is 0
  const void* cos_sin;             // [table, turn], T or f32: cosines, then sines
  const patdsl::Int64* slots;      // [slot_count], or null: nothing is cached
  patdsl::Int64 tokens, slot_count, table;
  patdsl::Int64 turn;  // how many values of a head of q and k are turned
  patdsl::Int64 cos_sin_stride;
  patdsl::Int64 blocks, block_size;  // of both caches

  const unsigned short* q;       // [tokens, q_heads, turn]
  const unsigned short* q_rest;  // [tokens, q_heads, q_rest_size]
  unsigned short* q_out;         // where the turned values go
  unsigned short* q_rest_out;    // where the others go; with the strides of q_out
  patdsl::Int64 q_heads, q_rest_size;
  patdsl::Int64 q_stride, q_head, q_rest_stride, q_rest_head, q_out_stride, q_out_head;

  const unsigned short* k;  // [tokens, k_heads, turn + k_rest_size]
  unsigned short* k_out;    // likewise, or null: only the cache gets k
  void* k_cache;            // [blocks, block_size, k_heads, turn + k_rest_size], T or fp8
  const float* k_scale;     // one value; read where the caches are fp8
  patdsl::Int64 k_heads, k_rest_size;
  patdsl::Int64 k_stride, k_head, k_out_stride, k_out_head, k_block, k_page, k_cache_head;

  const unsigned short* v;  // [tokens, v_heads, v_size]; only the cache gets it
  void* v_cache;            // [blocks, block_size, v_heads, v_size]
  const float* v_scale;
  patdsl::Int64 v_heads, v_size;
  patdsl::Int64 v_stride, v_head, v_block, v_page, v_cache_head;

  patdsl::Int64 cos_sin_f32, neox, fp8;  // 0 or 1
  patdsl::Int64 dtype;                   // 0: bf16, 1: fp16
  patdsl::Int64 config;                  // 0: all chosen by size; else the parts of RopeConfig, 0 where chosen
  patdsl::Int64 device;                  // the runtime's index
  patdsl::Int64 stream;                  // a stream of that device, as an integer
};

namespace patdsl {

constexpr int kBadRope = -1;
constexpr int kRopeOverlap = -2;

template <class T>
int launch_rope(const PatdslRopeCall& call);

struct RopeShape {
  int form, units, turn_units;
};

inline Int64 rope_most(Int64 a, Int64 b) { return a > b ? a : b; }

// Whether all lies at 16-byte boundaries (fp8: at 8) and every part of a head is whole vectors in both halves.
inline bool rope_aligned(const PatdslRopeCall& call) {
  const auto at = [](const void* pointer, unsigned bytes) {
    return reinterpret_cast<unsigned long long>(pointer) % bytes == 0;
  };
  const unsigned cache = call.fp8 ? 8 : 16;
  bool aligned = (call.turn | call.q_rest_size | call.k_rest_size | call.v_size) % (2 * kLanes) == 0;
  if (call.turn > 0) {
    aligned = aligned && at(call.cos_sin, 16) && call.cos_sin_stride % (call.cos_sin_f32 ? 4 : 8) == 0;
  }
  if (call.q_heads > 0) {
    aligned = aligned && at(call.q, 16) && at(call.q_out, 16) && at(call.q_rest, 16) && at(call.q_rest_out, 16) &&
              (call.q_stride | call.q_head | call.q_rest_stride | call.q_rest_head | call.q_out_stride |
               call.q_out_head) % kLanes == 0;
  }
  if (call.k_heads > 0) {
    aligned = aligned && at(call.k, 16) && at(call.k_out, 16) && at(call.k_cache, cache) &&
              (call.k_stride | call.k_head | call.k_out_stride | call.k_out_head | call.k_block | call.k_page |
               call.k_cache_head) % kLanes == 0;
  }
  if (call.v_heads > 0) {
    aligned = aligned && at(call.v, 16) && at(call.v_cache, cache) &&
              (call.v_stride | call.v_head | call.v_block | call.v_page | call.v_cache_head) % kLanes == 0;
  }
  return aligned;
}

inline RopeShape rope_shape(const PatdslRopeCall& call, bool vectors) {
  const Int64 length = vectors ? 2 * kLanes : 2;
  const auto count = [&](Int64 values) { return (values + length - 1) / length; };
  const Int64 q = call.q_heads > 0 ? count(call.turn) + count(call.q_rest_size) : 0;
  const Int64 k = call.k_heads > 0 ? count(call.turn) + count(call.k_rest_size) : 0;
  const Int64 v = call.v_heads > 0 ? count(call.v_size) : 0;
  return {!vectors ? kElements : call.neox ? kNeox : kPairs, static_cast<int>(rope_most(rope_most(q, k), v)),
          static_cast<int>(count(call.turn))};
}

// `PatdslRopeCall::config`: heads of a column in bits 0 to 3, in bits 4 to 7 a value of Next, in bits 8 to 11 a block's
// threads over 64.
struct RopeConfig {
  int heads, next, threads;
};

inline RopeConfig rope_config(Int64 config) {
  return {static_cast<int>(config & 15), static_cast<int>(config >> 4 & 15), static_cast<int>(config >> 8 & 15) * 64};
}

inline Int64 threads_at_once(const PatdslRopeCall& call) {
  return kScarceRegisters ? Int64{1024} * processors(call.device) : 2048 * kRopeThreads;
}

// How many heads a column has, at most: one while the machine holds a thread for each, and more where it does not, so
// that the angles are read once for several heads and the next head is read while one is turned.
inline int heads_a_column(const PatdslRopeCall& call, int units) {
  const int asked = rope_config(call.config).heads;
  if (asked > 0) return asked;
  const Int64 threads = call.tokens * (call.q_heads + call.k_heads + call.v_heads) * units;
  const Int64 at_once = threads_at_once(call);
  return threads <= at_once ? 1 : threads <= 8 * at_once ? 2 : 4;
}

// Threads of a block: small blocks for few threads, so that more multiprocessors share them.
inline int block_threads_of(const PatdslRopeCall& call, Int64 threads) {
  const int asked = rope_config(call.config).threads;
  if (asked > 0) return asked;
  if (!kScarceRegisters) return kRopeThreads;
  return threads <= 64 * Int64{processors(call.device)} ? 64 : 128;
}

// A kernel that the machine holds whole lets one begin behind it, not all that follow: many that wait take the room of
// those that work. By measurement.
inline Next next_of(const PatdslRopeCall& call, bool few_blocks, Int64 threads) {
  const int asked = rope_config(call.config).next;
  if (asked > 0) return static_cast<Next>(asked);
  return !few_blocks && threads <= threads_at_once(call) ? Next::kAfterWait : Next::kAtStart;
}

template <class T>
int launch_form(const PatdslRopeCall& call, RopeArgs& args, const RopeShape& shape) {
  if (shape.units > rope_threads(shape.form)) return kBadRope;
  if (shape.units == 0) return 0;
  const int each = heads_a_column(call, shape.units);
  args.columns = 0;
  for (Part& part : args.parts) {
    part.columns = part.heads / each + (part.heads % each != 0);
    const bool follows = &part == &args.parts[kRestOfQ] || &part == &args.parts[kRestOfK];
    part.column = follows ? (&part - 1)->column : args.columns;
    if (!follows) args.columns += part.columns;
  }
  args.q_columns = args.parts[kTurnedK].column, args.q_k_columns = args.parts[kWholeV].column;
  const int threads_wanted = block_threads_of(call, call.tokens * args.columns * shape.units);
  const int at_most = threads_wanted > shape.units ? threads_wanted / shape.units : 1;
  const Int64 grid_y = (args.columns + at_most - 1) / at_most;
  if (grid_y > 65535) return kBadRope;
  args.at_once = static_cast<int>((args.columns + grid_y - 1) / grid_y);
  const int threads = (args.at_once * shape.units + kLaunchWave - 1) / kLaunchWave * kLaunchWave;
  if (threads > rope_threads(shape.form)) return kBadRope;
  const Int64 blocks = call.tokens * grid_y;
  args.fetch_ahead = blocks <= processors(call.device);
  args.next = next_of(call, args.fetch_ahead, blocks * threads);
  args.unit_inverse = ((1u << kUnitShift) + static_cast<Word>(shape.units) - 1) / static_cast<Word>(shape.units);
  const auto run = [&](void (*kernel)(RopeArgs)) {
    return launch_early(kernel, call.tokens, grid_y, threads, call.stream, args);
  };
  switch (shape.form) {
    case kNeox: return run(call.fp8 ? rope_cache<T, kNeox, true> : rope_cache<T, kNeox, false>);
    case kPairs: return run(call.fp8 ? rope_cache<T, kPairs, true> : rope_cache<T, kPairs, false>);
    default: return run(call.fp8 ? rope_cache<T, kElements, true> : rope_cache<T, kElements, false>);
  }
}

// The parts of the heads; their columns come later.
inline void rope_parts(const PatdslRopeCall& call, const RopeShape& shape, Part* parts) {
  const auto stride = [](Int64 elements) { return static_cast<Word>(elements); };
  const auto cut = [&](Part& part, Int64 heads, Int64 size, bool turned) {
    const int length = shape.form == kElements ? 2 : 2 * kLanes;
    const bool neighbours = turned && shape.form == kElements && call.neox == 0;
    part.heads = static_cast<int>(heads), part.size = static_cast<int>(size);
    part.units = (part.size + length - 1) / length;
    part.distance = neighbours ? 1 : (part.size + 1) / 2;
    part.step = neighbours ? 2 : length / 2;
  };
  Part &q = parts[kTurnedQ], &q_rest = parts[kRestOfQ], &k = parts[kTurnedK], &k_rest = parts[kRestOfK];
  Part& v = parts[kWholeV];
  cut(q, call.q_heads, call.turn, true), cut(q_rest, call.q_heads, call.q_rest_size, false);
  cut(k, call.k_heads, call.turn, true), cut(k_rest, call.k_heads, call.k_rest_size, false);
  cut(v, call.v_heads, call.v_size, false);
  q.from = call.q, q.from_token = stride(call.q_stride), q.from_head = stride(call.q_head);
  q_rest.from = call.q_rest, q_rest.from_token = stride(call.q_rest_stride), q_rest.from_head = stride(call.q_rest_head);
  q.to = call.q_out, q_rest.to = call.q_rest_out;
  q.to_token = q_rest.to_token = stride(call.q_out_stride), q.to_head = q_rest.to_head = stride(call.q_out_head);
  k.from = call.k, k.from_token = stride(call.k_stride), k.from_head = stride(call.k_head);
  k.to = call.k_out, k.to_token = stride(call.k_out_stride), k.to_head = stride(call.k_out_head);
  k.cache = call.k_cache, k.scale = call.slots ? call.k_scale : nullptr, k.cache_block = stride(call.k_block);
  k.cache_page = stride(call.k_page), k.cache_head = stride(call.k_cache_head);
  v.from = call.v, v.from_token = stride(call.v_stride), v.from_head = stride(call.v_head);
  v.cache = call.v_cache, v.scale = call.slots ? call.v_scale : nullptr, v.cache_block = stride(call.v_block);
  v.cache_page = stride(call.v_page), v.cache_head = stride(call.v_cache_head);
  // The rest of a head of k follows what is turned of it.
  const int units = k_rest.units, size = k_rest.size, distance = k_rest.distance, step = k_rest.step;
  k_rest = k;
  k_rest.units = units, k_rest.size = size, k_rest.distance = distance, k_rest.step = step;
  if (units == 0) return;
  k_rest.from += call.turn;
  if (k_rest.to) k_rest.to += call.turn;
  if (k_rest.cache) k_rest.cache = static_cast<char*>(k_rest.cache) + call.turn * (call.fp8 ? 1 : 2);
}

inline RopeArgs rope_args(const PatdslRopeCall& call, const RopeShape& shape) {
  RopeArgs args = {};
  args.positions = call.turn > 0 ? call.positions : nullptr, args.cos_sin = call.cos_sin, args.slots = call.slots;
  args.cos_sin_stride = static_cast<Word>(call.cos_sin_stride), args.cos_sin_rows = static_cast<Word>(call.table);
  args.slot_count = static_cast<Word>(call.slot_count);
  args.slot_limit = static_cast<Word>(call.blocks * call.block_size);
  // Exact for slots below 2^31: the product with the rounded-up inverse is less than 1 / block_size too large.
  int bits = 0;
  while ((Int64{1} << bits) < call.block_size) ++bits;
  args.block_size = static_cast<int>(call.block_size), args.block_shift = 31 + bits;
  args.block_inverse = static_cast<Word>(((Int64{1} << args.block_shift) + call.block_size - 1) / call.block_size);
  args.half_turn = static_cast<int>(call.turn / 2), args.cos_sin_f32 = call.cos_sin_f32 != 0;
  args.turn_units = shape.turn_units, args.units = shape.units;
  rope_parts(call, shape, args.parts);
  return args;
}

template <class T>
int launch_rope(const PatdslRopeCall& call) {
  const RopeShape shape = rope_shape(call, rope_aligned(call));
  RopeArgs args = rope_args(call, shape);
  return launch_form<T>(call, args, shape);
}

}  // namespace patdsl
