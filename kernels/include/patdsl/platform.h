// What a kernel may use of the machine, under one set of names.
//
// In: which compiler reads the file. Out: qualifiers, the place of a thread in its block, the block's barrier, shared
// memory, the exchange of values between lanes, packed arithmetic of 16-bit floats, fp8 conversion, and a launch. Each
// of the three headers below defines all of them; no kernel names a compiler, a vendor or an architecture.
//
//   PATDSL_DEVICE, PATDSL_KERNEL(threads, blocks), PATDSL_SHARED(type, name, count)
//   kWave                     lanes in a wave, in device code
//   kLaunchWave               what a block's thread count is a multiple of, in host code
//   kScarceRegisters          whether fewer registers a thread let more blocks be on the machine at once
//   kBeginsEarly              whether `launch_early` ever does, so that a kernel may make ready before it may read
//   kFp8Limit                 the largest magnitude that a quantised value takes
//   thread_x, block_x, block_threads, block_barrier
//   block_y                   the second place of a block, in a grid of two dimensions
//   exchange<S>(word)         the word of a lane in the other half of this lane's 2S lanes; each half holds one value
//   wave_sum(float)           the sum over the wave, in every lane
//   wave_max_u16x2(word)      likewise the larger of two pairs of unsigned 16-bit numbers
//   fused_multiply_add, reciprocal_square_root
//   product(a, b)             a * b rounded on its own: no compiler fuses it with a sum
//   reciprocal_guess          within one unit in the last place; 0, or it, where the reciprocal is subnormal; of Inf 0
//   opaque(word)              nothing, but the compiler cannot know that the word is as it was
//   exp2(float)               2 to that power, within 2 units in the last place; what is subnormal may be 0
//   divide(a, b)              a / b rounded correctly
//   load16(words, address)    16 aligned bytes, read in the order of the program and before the next barrier
//   fetch_line_ahead(address) a hint to bring 128 bytes nearer, to where another kernel's writes still reach them
//   fetch_ahead(address, bytes)  likewise, by one thread; both multiples of 16
//   wait_for_previous()       until what was launched before has ended: a kernel's first act, for `launch_early`
//   let_next_begin()          what is launched after this kernel may begin, and wait for its end in `wait_for_previous`
//   max_u16x2                 the larger of two pairs of unsigned 16-bit numbers
//   low_halves, high_halves   of two words, the first one's half lowest
//   Bf16, F16                 pairs in a 32-bit word: pack(lo, hi), low(word), high(word), multiply(word, word) and
//                             larger(word, word), the larger magnitudes with any sign; NaN is the largest
//   fp8x4(a, b, c, d)         four values, |v| <= kFp8Limit * (1 + 2^-20) or NaN, as bytes, `a` lowest
//   fp8x4_saturated           the same for any values: past the largest finite one they become it; NaN stays NaN
//   processors(device)        multiprocessors of a GPU, where kScarceRegisters
//   launch_early(kernel, grid_x, grid_y, block, stream, args) -> 0 or the runtime's error number; grid_y at most 65,535;
//                             the kernel may begin before the work ahead of it has ended, where the machine can do so
//   DeviceGuard               makes a GPU the current one while it lives
#pragma once

namespace patdsl {
using Int64 = long long;
using Word = unsigned int;
static_assert(sizeof(Int64) == 8 && sizeof(Word) == 4, "the C ABI counts on these sizes");

// When a kernel lets the one after it begin, which then waits in its first instructions.
enum class Next : unsigned char { kAtEnd, kAtStart, kAfterLoads, kAfterSum, kAfterWait };
}  // namespace patdsl

#if defined(PATDSL_EMULATE)
#include "simt.h"
#elif defined(__CUDACC__)
#include "patdsl/platform_cuda.h"
#elif defined(__HIP__)
#include "patdsl/platform_hip.h"
#else
#error "compile kernels as HIP, as CUDA, or with PATDSL_EMULATE for the host"
#endif
