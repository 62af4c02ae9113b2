// Which kernel of include/patdsl/rows.h runs a call, and in what shape.
//
// In: the fields of a call, checked by rows_abi.hip. Out: 0, -1 for arguments that no kernel takes, else the runtime's error
// number. Each source and dtype is instantiated in a file of its own, so that they compile side by side.
//
// The order in which a norm's squares are added depends on the form. The form of a norm is chosen by the size and
// alignment of its rows, never by their number: a row has the same bits in any batch. (The two sized forms add alike.)
#pragma once

#include "patdsl/rows.h"
#include "rows_abi.h"

namespace patdsl {

constexpr Int64 kBadArguments = -1;
constexpr int kNoSize = -2;  // of a launcher: this size is not compiled in

enum Form : Int64 {
  kChosen = 0,
  kSized = 1,      // the row's size is compiled in; the weight is read early
  kHeld2 = 2,      // two vectors a thread
  kSizedLate = 3,  // as kSized, in fewer registers: the weight is read late (where registers are scarce)
  kHeld4 = 4,      // four vectors a thread
  kPacked = 5,     // short rows, several in a block
  kTiled = 6,      // several blocks a row, where nothing of the whole row is asked for
  kLooped = -1,
};

// A call's config: a form, and for measurements 16 times (a value of Next + 1), and 128 for the kernel for few rows. A part
// that is 0 is chosen; with neither of the last two both are.
constexpr Int64 kConfigNext = 16, kConfigFew = 128, kConfigs = 256;

inline Int64 config_form(const PatdslRowsCall& call) {
  return call.config < 0 ? call.config : call.config % kConfigNext;
}

// By measurement.
inline bool is_few(const PatdslRowsCall& call) {
  if (!kBeginsEarly || call.config < 0) return false;
  if (call.config >= kConfigNext) return call.config >= kConfigFew;
  return call.rows <= 64;
}

// `run` with the kernel for few rows or for many, of which GPUs that begin no kernel early have the second alone.
template <bool kIsFew>
struct Few {
  static constexpr bool value = kIsFew;
};

template <bool kHasFew = kBeginsEarly, class Run>
int run_by_number(const PatdslRowsCall& call, Run run) {
  if constexpr (kHasFew) {
    if (is_few(call)) return run(Few<true>{});
  }
  return run(Few<false>{});
}

// At the start, as many kernels begin as find room, and wait; once this one has waited itself, one more alone: that many
// blocks in the way cost more than the first of these saves, but for the smallest calls. Several rows of a multiprocessor
// are disturbed even by one kernel that waits, unless there is no room for it. By measurement.
inline Next next_of(const PatdslRowsCall& call, Int64 rows_at_once) {
  const Int64 asked = call.config % kConfigFew / kConfigNext;
  if (asked > 0) return static_cast<Next>(asked - 1);
  const bool scales = call.quant == kToken || call.quant == kGroup || call.quant == kMx;
  const bool smallest = call.rows * call.hidden <= 64 * 1536 && !(scales && call.hidden > 5120);
  if (is_few(call) && smallest) return Next::kAtStart;
  const bool disturbed = call.rows > processors(call.device) && 4 * call.rows <= 3 * rows_at_once;
  return disturbed ? Next::kAfterSum : Next::kAfterWait;
}

enum class Family { kNorm, kAddNorm, kGatedNorm, kAnyNorm, kActivationMul, kPlain };

template <class T, Family kFamily>
int launch_rows(const PatdslRowsCall& call);

// `threads`: of a row's block.
inline RowsArgs rows_args(const PatdslRowsCall& call, int threads) {
  RowsArgs args = {};
  args.x = call.x, args.other = call.other, args.weight = call.weight;
  args.q = call.q, args.scale = call.scale, args.scale2 = call.scale2, args.y = call.y, args.sum = call.sum;
  args.x_stride = call.x_stride, args.other_stride = call.other_stride, args.q_stride = call.q_stride;
  args.y_stride = call.y_stride, args.sum_stride = call.sum_stride;
  args.scale_row_stride = call.scale_row_stride, args.scale_group_stride = call.scale_group_stride;
  args.scale2_row_stride = call.scale2_row_stride, args.scale2_group_stride = call.scale2_group_stride;
  args.hidden = static_cast<int>(call.hidden), args.y_width = static_cast<int>(call.y_width);
  args.variance_size = static_cast<int>(call.variance_size);
  args.epsilon = static_cast<float>(call.epsilon);
  args.inverse_size = static_cast<float>(1.0 / static_cast<double>(call.variance_size));
  args.group = static_cast<int>(call.group);
  args.add = call.source == kAddNorm, args.gated = call.source == kGatedNorm;
  args.ue8m0 = call.ue8m0 != 0, args.int8 = call.int8 != 0;
  args.weight_f32 = call.weight_f32 != 0, args.gemma = call.gemma != 0;
  constexpr int kThreadsAtOnce = 1536;  // of a multiprocessor, about
  args.next = next_of(call, processors(call.device) * (kThreadsAtOnce / threads));
  return args;
}

inline bool multiple_of(const void* pointer, unsigned bytes) {
  return reinterpret_cast<unsigned long long>(pointer) % bytes == 0;
}

// Whether every row of every tensor can be read and written a vector at a time.
inline bool is_fast(const PatdslRowsCall& call) {
  const Int64 strides = call.x_stride | (call.other ? call.other_stride : 0) | (call.y ? call.y_stride : 0) |
                        (call.sum ? call.sum_stride : 0) | (call.q ? call.q_stride : 0) | call.hidden;
  return strides % kLanes == 0 && multiple_of(call.x, 16) && multiple_of(call.other, 16) && multiple_of(call.y, 16) &&
         multiple_of(call.sum, 16) && multiple_of(call.q, 8) && (call.weight_f32 != 0 || multiple_of(call.weight, 16));
}

inline int rounded_threads(Int64 vectors, int most) {
  const Int64 threads = (vectors + kLaunchWave - 1) / kLaunchWave * kLaunchWave;
  return static_cast<int>(threads < most ? threads : most);
}

inline Int64 row_vectors(const PatdslRowsCall& call) { return (call.hidden + kLanes - 1) / kLanes; }

inline int run(void (*kernel)(RowsArgs), int threads, const PatdslRowsCall& call) {
  return launch_early(kernel, call.rows, 1, threads, call.stream, rows_args(call, threads));
}

template <class T, class Source, class Sink, int kVectors>
int run_held(const PatdslRowsCall& call) {
  const int threads = rounded_threads((row_vectors(call) + kVectors - 1) / kVectors, kHeldThreads);
  constexpr bool kHasFew = kBeginsEarly && !(Source::kHeavy && kVectors > 2);  // these have no registers left for it
  return run_by_number<kHasFew>(call, [&](auto few) {
    return run(rows_held<T, Source, Sink, kVectors, decltype(few)::value>, threads, call);
  });
}

inline bool fits_packed(const PatdslRowsCall& call) {
  return is_fast(call) && call.hidden <= kPackedLanes * kLanes && (!call.y || call.y_width == call.hidden);
}

// The form by the size and alignment of the rows.
inline Int64 form_of(const PatdslRowsCall& call) {
  if (!is_fast(call)) return kLooped;
  const Int64 vectors = row_vectors(call);
  if (fits_packed(call)) return kPacked;
  return vectors <= 2 * kHeldThreads ? kHeld2 : vectors <= 4 * kHeldThreads ? kHeld4 : kLooped;
}

inline bool fits(const PatdslRowsCall& call, Int64 form) {
  if (form == kLooped) return true;
  if (form == kPacked) return fits_packed(call);
  return (form == kHeld2 || form == kHeld4) && is_fast(call) && row_vectors(call) <= form * kHeldThreads;
}

template <class T, class Source, class Sink>
int launch_packed(const PatdslRowsCall& call) {
  constexpr int kRows = kPackedThreads / kPackedLanes;
  const PackedArgs args = {rows_args(call, kPackedThreads / kRows), call.rows};
  const Int64 blocks = (call.rows + kRows - 1) / kRows;
  return launch_early(rows_packed<T, Source, Sink>, blocks, 1, kPackedThreads, call.stream, args);
}

// Few rows alone would leave most of the machine idle; many rows would be too many blocks to start. The next kernels begin
// at once unless much is to be computed: their waiting blocks would take the registers. By measurement.
constexpr Int64 kTiledRows = 64, kTiledRowsOfHeavy = 32;

template <class T, class Source, class Sink>
int launch_tiled(const PatdslRowsCall& call) {
  if (!is_fast(call)) return kBadArguments;
  const Int64 tiles = (call.hidden + kTile - 1) / kTile;
  RowsArgs args = rows_args(call, static_cast<int>(tiles * kTileThreads));
  const bool heavy = Source::kHeavy && (call.quant == kGroup || call.quant == kMx);
  const bool at_start = !heavy || call.rows <= kTiledRowsOfHeavy;
  if (call.config < kConfigNext) args.next = at_start ? Next::kAtStart : Next::kAfterLoads;
  return launch_early(rows_tiled<T, Source, Sink>, call.rows, tiles, kTileThreads, call.stream, args);
}

template <class T, class Source, class LateSource, class Sink>
int launch_form(const PatdslRowsCall& call, Int64 form) {
  if (!fits(call, form)) return kBadArguments;
  switch (form) {
    case kHeld2: return run_held<T, Source, Sink, 2>(call);
    case kHeld4: return run_held<T, LateSource, Sink, 4>(call);
    case kPacked: return launch_packed<T, Source, Sink>(call);
    default: break;
  }
  const int threads = rounded_threads(row_vectors(call), kMaxThreads);
  return is_fast(call) ? run(rows_looped<T, LateSource, Sink, true>, threads, call)
                       : run(rows_looped<T, LateSource, Sink, false>, threads, call);
}

// The most used sizes are compiled in. By measurement (docs/kernels.md), for group quantisation of long rows: fewer
// registers, with the weight read late, where that brings all rows onto the machine at once, and for very many rows.
template <class T, class Source, class LateSource, class Sink, int kHidden>
int launch_size(const PatdslRowsCall& call) {
  constexpr int kSinkRegisters = Source::kHeavy ? Sink::kHeavySourceRegisters : 40, kLateRegisters = 32;
  constexpr int kRegisters = kSinkRegisters > Source::kLeastRegisters ? kSinkRegisters : Source::kLeastRegisters;
  constexpr int kThreads = kRowThreads<2, kHidden, kLaunchWave>;
  if constexpr (kScarceRegisters && Sink::kLate && !Source::kHeavy && kHidden > 4096) {
    const Int64 at_once = processors(call.device);
    const Int64 early = at_once * kBlocksAtOnce<kThreads, kRegisters>;
    const Int64 late = at_once * kBlocksAtOnce<kThreads, kLateRegisters>;
    const bool better = (call.rows > early && call.rows <= late) || call.rows >= 4096;
    const Int64 form = config_form(call);
    if (form == kSizedLate || (better && form == kChosen)) {
      return run(rows_sized<T, LateSource, Sink, 2, kHidden, kLateRegisters, false>, kThreads, call);
    }
  }
  return run_by_number(call, [&](auto few) {
    return run(rows_sized<T, Source, Sink, 2, kHidden, kRegisters, decltype(few)::value>, kThreads, call);
  });
}

template <class T, class Source, class LateSource, class Sink>
int launch_sized(const PatdslRowsCall& call) {
  switch (call.hidden) {
    case 1536: return launch_size<T, Source, LateSource, Sink, 1536>(call);
    case 2048: return launch_size<T, Source, LateSource, Sink, 2048>(call);
    case 4096: return launch_size<T, Source, LateSource, Sink, 4096>(call);
    case 5120: return launch_size<T, Source, LateSource, Sink, 5120>(call);
    case 7168: return launch_size<T, Source, LateSource, Sink, 7168>(call);
    case 8192: return launch_size<T, Source, LateSource, Sink, 8192>(call);
    default: return kNoSize;
  }
}

// By a form, or by one of the sizes where the source has them.
template <class T, class Source, class LateSource, class Sink>
int launch_sink(const PatdslRowsCall& call) {
  const Int64 form = config_form(call);
  if constexpr (!Source::kMeasures && !Sink::kRowAmax) {
    const bool better = form == kChosen && is_fast(call) && !fits_packed(call) && call.rows <= kTiledRows;
    if (form == kTiled || better) return launch_tiled<T, Source, Sink>(call);
  }
  if constexpr (Source::kSized && Sink::kSized) {
    const bool sized = form == kChosen || form == kSized || form == kSizedLate;
    const int result = sized && is_fast(call) ? launch_sized<T, Source, LateSource, Sink>(call) : kNoSize;
    if (result != kNoSize) return result;
  }
  return launch_form<T, Source, LateSource, Sink>(call, form == kChosen ? form_of(call) : form);
}

inline bool is_group128(const PatdslRowsCall& call) {
  return call.quant == kGroup && call.group == 128 && call.ue8m0 == 0 && call.int8 == 0;
}

template <class T, class Source, class LateSource>
int launch_sinks(const PatdslRowsCall& call) {
  switch (call.quant) {
    case kNone: return launch_sink<T, Source, LateSource, Store<T>>(call);
    case kStatic: return launch_sink<T, Source, LateSource, StaticQuant<T>>(call);
    case kToken: return launch_sink<T, Source, LateSource, TokenQuant<T>>(call);
    case kGroup:
      if (is_group128(call)) return launch_sink<T, Source, LateSource, Group128Quant<T>>(call);
      return launch_sink<T, Source, LateSource, GroupQuant<T>>(call);
    case kMx: return launch_sink<T, Source, LateSource, MxQuant<T>>(call);
    default: return kBadArguments;
  }
}

template <class T, Family kFamily>
int launch_rows(const PatdslRowsCall& call) {
  if constexpr (kFamily == Family::kNorm || kFamily == Family::kAddNorm) {
    constexpr bool kAdd = kFamily == Family::kAddNorm;
    return launch_sinks<T, Norm<T, kAdd, true>, Norm<T, kAdd, false>>(call);
  } else if constexpr (kFamily == Family::kGatedNorm) {
    return launch_sinks<T, GatedNorm<T, true>, GatedNorm<T, false>>(call);
  } else if constexpr (kFamily == Family::kAnyNorm) {
    return launch_sinks<T, AnyNorm<T>, AnyNorm<T>>(call);
  } else if constexpr (kFamily == Family::kActivationMul) {
    using Silu = ActivationMul<T, false>;
    using Gelu = ActivationMul<T, true>;
    return call.source == kGeluMul ? launch_sinks<T, Gelu, Gelu>(call) : launch_sinks<T, Silu, Silu>(call);
  } else {
    return launch_sinks<T, Plain<T>, Plain<T>>(call);
  }
}

}  // namespace patdsl
