// The names of platform.h for a host compiler: a block's threads as fibers, in waves of PATDSL_WAVE lanes.
//
// In: PATDSL_WAVE (32 or 64) and PATDSL_FNUZ (0 or 1). Out: the unmodified kernel as a host function, one block after
// another. A lane operation that not every lane of the wave reaches, and a barrier that not every thread of the block
// reaches, end the program with a message. It sees no data race, no order of memory accesses and no instruction.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>

#include "patdsl/platform.h"
#include "simt_numbers.h"

#define PATDSL_DEVICE inline
#define PATDSL_KERNEL(threads, blocks) inline
// Each declaration is one allocation a block, of its exact size and filled with NaN patterns.
#define PATDSL_SHARED(type, name, count) \
  static const char name##_place = 0;    \
  auto& name = *static_cast<type(*)[count]>(simt::shared(&name##_place, sizeof(type[count])))

namespace simt {

int thread();
int threads();
long long block();
int block_y();
void barrier();
// The value that the lane `source` of this wave gave. Every lane of the wave must be in the same exchange.
unsigned from_lane(unsigned value, int source);
int lane();
void* shared(const void* place, std::size_t bytes);
// Runs `body` for every thread of every block.
void run(long long grid_x, long long grid_y, int block, const std::function<void()>& body);

}  // namespace simt

namespace patdsl {

constexpr int kWave = PATDSL_WAVE;
constexpr int kLaunchWave = PATDSL_WAVE;
constexpr bool kScarceRegisters = true;
constexpr bool kBeginsEarly = true;
constexpr bool kFnuz = PATDSL_FNUZ;
constexpr float kFp8Limit = kFnuz ? 224.0f : 448.0f;
static_assert(kWave == 32 || kWave == 64, "a wave has 32 or 64 lanes");

inline int thread_x() { return simt::thread(); }
inline int block_threads() { return simt::threads(); }
inline Int64 block_x() { return simt::block(); }
inline int block_y() { return simt::block_y(); }
inline void block_barrier() { simt::barrier(); }

inline float as_float(Word bits) { return simt::float_of(bits); }
inline Word as_bits(float value) { return simt::bits_of(value); }

// Waves of 64 exchange as platform_hip.h does (mirrors), waves of 32 as platform_cuda.h does.
template <int kStep>
Word exchange(Word value) {
  constexpr int kMask = kWave == 64 && kStep > 2 ? 2 * kStep - 1 : kStep;
  return simt::from_lane(value, simt::lane() ^ kMask);
}

inline float wave_sum(float value) {
  if constexpr (kWave == 32) {
    for (int step = 16; step > 0; step /= 2) value += as_float(simt::from_lane(as_bits(value), simt::lane() ^ step));
    return value;
  } else {
    value += as_float(exchange<1>(as_bits(value)));
    value += as_float(exchange<2>(as_bits(value)));
    value += as_float(exchange<4>(as_bits(value)));
    value += as_float(exchange<8>(as_bits(value)));
    float row[4];
    for (int i = 0; i < 4; ++i) row[i] = as_float(simt::from_lane(as_bits(value), 16 * i));
    return (row[0] + row[1]) + (row[2] + row[3]);
  }
}

inline Word max_u16x2(Word a, Word b) {
  const Word low = (a & 0xffffu) > (b & 0xffffu) ? a & 0xffffu : b & 0xffffu;
  return low | (a >> 16 > b >> 16 ? a >> 16 : b >> 16) << 16;
}

inline Word wave_max_u16x2(Word value) {
  if constexpr (kWave == 32) {
    for (int step = 16; step > 0; step /= 2) value = max_u16x2(value, simt::from_lane(value, simt::lane() ^ step));
    return value;
  } else {
    value = max_u16x2(value, exchange<1>(value));
    value = max_u16x2(value, exchange<2>(value));
    value = max_u16x2(value, exchange<4>(value));
    value = max_u16x2(value, exchange<8>(value));
    Word largest = 0;
    for (int i = 0; i < 4; ++i) largest = max_u16x2(largest, simt::from_lane(value, 16 * i));
    return largest;
  }
}

inline float fused_multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
inline float product(float a, float b) { return a * b; }
inline float reciprocal_square_root(float value) { return 1.0f / std::sqrt(value); }
// Off by a unit in the last place either way, as the machines may be; 0 where the reciprocal is no normal number.
inline float reciprocal_guess(float value) {
  const float exact = 1.0f / value;
  const Word bits = as_bits(exact);
  if (std::isnan(value) || std::isinf(exact)) return exact;
  if (!std::isnormal(exact)) return std::copysign(0.0f, exact);
  return as_float(as_bits(value) % 2 ? bits + 1 : bits - 1);
}

inline float exp2(float value) { return std::exp2(value); }
inline float divide(float a, float b) { return a / b; }
inline void load16(Word (&words)[4], const void* from) {
  struct alignas(16) Words {
    Word word[4];
  };
  const Words got = *static_cast<const Words*>(from);  // the sanitizer sees where it is not aligned
  for (int i = 0; i < 4; ++i) words[i] = got.word[i];
}
inline void fetch_line_ahead(const void* from) { static_cast<void>(*static_cast<const volatile char*>(from)); }
inline void fetch_ahead(const void* from, unsigned bytes) {
  Word words[4];
  for (unsigned at = 0; at < bytes; at += sizeof words) load16(words, static_cast<const char*>(from) + at);
}
inline void wait_for_previous() {}
inline void let_next_begin() {}

inline void opaque(Word&) {}

inline Word low_halves(Word a, Word b) { return (a & 0xffffu) | b << 16; }
inline Word high_halves(Word a, Word b) { return a >> 16 | (b & 0xffff0000u); }

template <class Format>
struct Half {
  static Word pack(float low, float high) { return Format::round(low) | Format::round(high) << 16; }
  static float low(Word pair) { return Format::widen(pair & 0xffffu); }
  static float high(Word pair) { return Format::widen(pair >> 16); }
  static Word multiply(Word a, Word b) { return pack(low(a) * low(b), high(a) * high(b)); }
  static Word larger(Word a, Word b) { return max_u16x2(a & 0x7fff7fffu, b & 0x7fff7fffu); }
};
using Bf16 = Half<simt::Bf16Format>;
using F16 = Half<simt::F16Format>;

inline Word fp8x4(float a, float b, float c, float d) {
  return simt::fp8<kFnuz>(a) | simt::fp8<kFnuz>(b) << 8 | simt::fp8<kFnuz>(c) << 16 | simt::fp8<kFnuz>(d) << 24;
}

inline Word fp8x4_saturated(float a, float b, float c, float d) {
  constexpr float kLargest = kFnuz ? 240.0f : 448.0f;
  const auto within = [](float value) {
    const float below = value > kLargest ? kLargest : value;
    return below < -kLargest ? -kLargest : below;
  };
  return fp8x4(within(a), within(b), within(c), within(d));
}

class DeviceGuard {
 public:
  explicit DeviceGuard(int) {}
  const int error = 0;
};

template <class Args>
int launch_early(void (*kernel)(Args), Int64 grid_x, Int64 grid_y, int block, Int64, const Args& args) {
  simt::run(grid_x, grid_y, block, [&] { kernel(args); });
  return 0;
}

inline int processors(Int64) { return 1; }

}  // namespace patdsl
