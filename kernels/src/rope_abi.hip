// The C function of the rotary and cache kernels: it takes one call's fields and returns 0, -1 for arguments that no
// kernel takes, -2 where a cache and an input overlap in memory, else the runtime's error number.
#include "rope_launch.h"

#include <initializer_list>

extern template int patdsl::launch_rope<patdsl::Bf16>(const PatdslRopeCall&);
extern template int patdsl::launch_rope<patdsl::F16>(const PatdslRopeCall&);

namespace {

using patdsl::Int64;

constexpr Int64 kMost = 0x7fffffff;

bool counts(Int64 value, Int64 least, Int64 most) { return least <= value && value <= most; }

// From the first byte of a tensor to past its last.
struct Extent {
  unsigned long long begin, end;

  bool meets(const Extent& other) const { return begin < other.end && other.begin < end; }
};

Extent extent(const void* from, Int64 rows, Int64 row, Int64 heads, Int64 head, Int64 values, Int64 bytes) {
  const unsigned long long begin = reinterpret_cast<unsigned long long>(from);
  if (!from || rows == 0 || heads == 0 || values == 0) return {0, 0};
  return {begin, begin + ((rows - 1) * row + (heads - 1) * head + values) * bytes};
}

bool sizes_fit(const PatdslRopeCall& call) {
  const Int64 heads = call.q_heads + call.k_heads + call.v_heads;
  return counts(call.tokens, 0, kMost) && counts(call.slot_count, 0, call.tokens) && counts(call.q_heads, 0, kMost) &&
         counts(call.k_heads, 0, kMost) && counts(call.v_heads, 0, kMost) && counts(heads, 0, kMost / 2048) &&
         counts(call.table, 0, 0xffffffff) && counts(call.turn, 0, 2048) && call.turn % 2 == 0 && counts(call.q_rest_size, 0, 2048) &&
         counts(call.k_rest_size, 0, 2048) && counts(call.v_size, 0, 2048) && counts(call.blocks, 0, kMost) &&
         counts(call.block_size, 1, kMost) && call.blocks * call.block_size <= kMost && counts(call.config, 0, kMost) &&
         counts(call.dtype, 0, 1);
}

// Whether the kernels' 32 bits hold every stride. One that is never stepped by becomes 0, so that it misaligns nothing.
bool strides_fit(PatdslRopeCall& call) {
  bool fit = true;
  const auto check = [&](Int64 count, Int64& stride) {
    if (count <= 1) stride = 0;
    fit = fit && counts(stride, 0, 0xffffffff);
  };
  for (Int64* stride : {&call.q_stride, &call.q_rest_stride, &call.q_out_stride, &call.k_stride, &call.k_out_stride,
                        &call.v_stride}) {
    check(call.tokens, *stride);
  }
  for (Int64* stride : {&call.q_head, &call.q_rest_head, &call.q_out_head}) check(call.q_heads, *stride);
  for (Int64* stride : {&call.k_head, &call.k_out_head, &call.k_cache_head}) check(call.k_heads, *stride);
  for (Int64* stride : {&call.v_head, &call.v_cache_head}) check(call.v_heads, *stride);
  for (Int64* stride : {&call.k_block, &call.v_block}) check(call.blocks, *stride);
  for (Int64* stride : {&call.k_page, &call.v_page}) check(call.block_size, *stride);
  check(call.table, call.cos_sin_stride);
  return fit;
}

bool pointers_fit(const PatdslRopeCall& call) {
  const bool turns = call.turn > 0 && call.q_heads + call.k_heads > 0;
  if (turns && (!call.positions || !call.cos_sin || call.table < 1)) return false;
  if (call.q_heads > 0 && (!call.q || !call.q_out || (call.q_rest_size > 0 && (!call.q_rest || !call.q_rest_out)))) {
    return false;
  }
  if (call.k_heads > 0 && !call.k) return false;
  if (call.v_heads > 0 && !call.v) return false;
  if (!call.slots) return true;
  return (call.k_heads == 0 || (call.k_cache && (!call.fp8 || call.k_scale))) &&
         (call.v_heads == 0 || (call.v_cache && (!call.fp8 || call.v_scale)));
}

// Caches are written while the inputs are read. (Those of k and v may lie in one another.)
bool caches_overlap(const PatdslRopeCall& call) {
  if (!call.slots) return false;
  const Int64 bytes = call.fp8 ? 1 : 2, pages = call.block_size - 1;
  const Int64 k_size = call.turn + call.k_rest_size;
  const Extent inputs[] = {
      extent(call.q, call.tokens, call.q_stride, call.q_heads, call.q_head, call.turn, 2),
      extent(call.q_rest, call.tokens, call.q_rest_stride, call.q_heads, call.q_rest_head, call.q_rest_size, 2),
      extent(call.k, call.tokens, call.k_stride, call.k_heads, call.k_head, k_size, 2),
      extent(call.v, call.tokens, call.v_stride, call.v_heads, call.v_head, call.v_size, 2),
      extent(call.cos_sin, call.table, call.cos_sin_stride, 1, 0, call.turn, call.cos_sin_f32 ? 4 : 2),
  };
  const Extent caches[] = {
      extent(call.k_cache, call.blocks, call.k_block, call.k_heads, call.k_cache_head, pages * call.k_page + k_size, bytes),
      extent(call.v_cache, call.blocks, call.v_block, call.v_heads, call.v_cache_head, pages * call.v_page + call.v_size,
             bytes),
  };
  for (const Extent& cache : caches) {
    for (const Extent& input : inputs) {
      if (cache.meets(input)) return true;
    }
  }
  return false;
}

}  // namespace

extern "C" int patdsl_rope(const PatdslRopeCall* given) {
  using namespace patdsl;
  if (!given || !sizes_fit(*given)) return kBadRope;
  if (given->tokens == 0 || given->q_heads + given->k_heads + given->v_heads == 0) return 0;
  PatdslRopeCall call = *given;
  if (call.blocks == 0) call.slots = nullptr;
  if (!strides_fit(call) || !pointers_fit(call)) return kBadRope;
  if (caches_overlap(call)) return kRopeOverlap;
  const DeviceGuard guard(static_cast<int>(call.device));
  if (guard.error != 0) return guard.error;
  return call.dtype == 0 ? launch_rope<Bf16>(call) : launch_rope<F16>(call);
}
