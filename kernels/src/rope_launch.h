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
  patdsl::Int64 config;                  // 0: chosen by size; else how many heads a thread takes
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

// How many heads a column has, at most: one while that makes few blocks, and more where there are enough of them to fill
// a GPU, so that the angles are read once for several heads.
inline int heads_a_column(const PatdslRopeCall& call, int at_once) {
  if (call.config > 0) return static_cast<int>(call.config);
  constexpr Int64 kEnoughBlocks = 2048, kMost = 4;
  const Int64 heads = call.q_heads + call.k_heads + call.v_heads;
  const Int64 blocks = call.tokens * ((heads + at_once - 1) / at_once);
  return static_cast<int>(blocks < 2 * kEnoughBlocks ? 1 : blocks < kMost * kEnoughBlocks ? blocks / kEnoughBlocks : kMost);
}

template <class T>
int launch_form(const PatdslRopeCall& call, RopeArgs& args, const RopeShape& shape) {
  if (shape.units > rope_threads(shape.form)) return kBadRope;
  int at_once = kRopeThreads > shape.units ? kRopeThreads / shape.units : 1;
  const int each = heads_a_column(call, at_once);
  const auto columns = [&](int heads) { return heads / each + (heads % each != 0); };
  args.q_columns = columns(args.q_heads), args.k_columns = columns(args.k_heads);
  args.v_columns = columns(args.v_heads);
  const Int64 all = Int64{args.q_columns} + args.k_columns + args.v_columns;
  args.at_once = at_once = static_cast<int>(at_once < all ? at_once : all);
  const int threads = (at_once * shape.units + kLaunchWave - 1) / kLaunchWave * kLaunchWave;
  const Int64 grid_y = (all + at_once - 1) / at_once;
  if (grid_y > 65535) return kBadRope;
  const auto run = [&](void (*kernel)(RopeArgs)) {
    return launch_early(kernel, call.tokens, grid_y, threads, call.stream, args);
  };
  switch (shape.form) {
    case kNeox: return run(call.fp8 ? rope_cache<T, kNeox, true> : rope_cache<T, kNeox, false>);
    case kPairs: return run(call.fp8 ? rope_cache<T, kPairs, true> : rope_cache<T, kPairs, false>);
    default: return run(call.fp8 ? rope_cache<T, kElements, true> : rope_cache<T, kElements, false>);
  }
}

inline RopeArgs rope_args(const PatdslRopeCall& call) {
  const auto stride = [](Int64 elements) { return static_cast<Word>(elements); };
  RopeArgs args;
  args.positions = call.positions, args.cos_sin = call.cos_sin, args.slots = call.slots;
  args.k_scale = call.k_scale, args.v_scale = call.v_scale;
  args.q = call.q, args.q_rest = call.q_rest, args.q_out = call.q_out, args.q_rest_out = call.q_rest_out;
  args.k = call.k, args.k_out = call.k_out, args.v = call.v;
  args.k_cache = call.k_cache, args.v_cache = call.v_cache;
  args.q_stride = stride(call.q_stride), args.q_head = stride(call.q_head);
  args.q_rest_stride = stride(call.q_rest_stride), args.q_rest_head = stride(call.q_rest_head);
  args.q_out_stride = stride(call.q_out_stride), args.q_out_head = stride(call.q_out_head);
  args.k_stride = stride(call.k_stride), args.k_head = stride(call.k_head);
  args.k_out_stride = stride(call.k_out_stride), args.k_out_head = stride(call.k_out_head);
  args.v_stride = stride(call.v_stride), args.v_head = stride(call.v_head);
  args.cos_sin_stride = stride(call.cos_sin_stride), args.cos_sin_rows = static_cast<Word>(call.table);
  args.k_block = stride(call.k_block), args.k_page = stride(call.k_page);
  args.v_block = stride(call.v_block), args.v_page = stride(call.v_page);
  args.k_cache_head = stride(call.k_cache_head), args.v_cache_head = stride(call.v_cache_head);
  args.slot_count = static_cast<Word>(call.slot_count);
  args.slot_limit = static_cast<Word>(call.blocks * call.block_size);
  args.q_heads = static_cast<int>(call.q_heads), args.k_heads = static_cast<int>(call.k_heads);
  args.v_heads = static_cast<int>(call.v_heads);
  args.turn = static_cast<int>(call.turn), args.q_rest_size = static_cast<int>(call.q_rest_size);
  args.k_rest_size = static_cast<int>(call.k_rest_size), args.v_size = static_cast<int>(call.v_size);
  args.block_size = static_cast<int>(call.block_size);
  int shift = 0;
  while ((Int64{1} << shift) < call.block_size) ++shift;
  args.block_shift = (Int64{1} << shift) == call.block_size ? shift : -1;
  args.neox = call.neox != 0, args.cos_sin_f32 = call.cos_sin_f32 != 0;
  return args;
}

template <class T>
int launch_rope(const PatdslRopeCall& call) {
  const RopeShape shape = rope_shape(call, rope_aligned(call));
  RopeArgs args = rope_args(call);
  args.turn_units = shape.turn_units, args.units = shape.units;
  return launch_form<T>(call, args, shape);
}

}  // namespace patdsl
