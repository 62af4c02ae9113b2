// The names of platform.h for hip-clang: waves of 64 lanes; gfx942 (e4m3fnuz) and gfx950 (e4m3fn).
//
// With PATDSL_HEADER_FREE it needs no HIP headers and no device libraries: only the compiler's own builtins are used
// in device code, so that a machine without ROCm can compile it. The few runtime declarations are then written here.
#pragma once

#if defined(PATDSL_HEADER_FREE)
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __host__ __attribute__((host))
#define __shared__ __attribute__((shared))
#define __launch_bounds__(threads) __attribute__((amdgpu_flat_work_group_size(1, threads)))
#define PATDSL_THREAD_X() __builtin_amdgcn_workitem_id_x()
#define PATDSL_BLOCK_X() __builtin_amdgcn_workgroup_id_x()
#define PATDSL_BLOCK_Y() __builtin_amdgcn_workgroup_id_y()
#define PATDSL_BLOCK_THREADS() __builtin_amdgcn_workgroup_size_x()
using hipError_t = int;
using hipStream_t = struct PatdslHipStream*;
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
extern "C" {
hipError_t hipGetDevice(int*);
hipError_t hipSetDevice(int);
hipError_t hipGetLastError();
hipError_t hipLaunchKernel(const void*, dim3, dim3, void**, __SIZE_TYPE__, hipStream_t);
hipError_t __hipPushCallConfiguration(dim3, dim3, __SIZE_TYPE__ = 0, hipStream_t = nullptr);
}
#else
#include <hip/hip_runtime.h>
#define PATDSL_THREAD_X() threadIdx.x
#define PATDSL_BLOCK_X() blockIdx.x
#define PATDSL_BLOCK_Y() blockIdx.y
#define PATDSL_BLOCK_THREADS() blockDim.x
#endif

#define PATDSL_DEVICE __device__ inline __attribute__((always_inline))
// HIP's second bound is waves a SIMD and no count of blocks: registers are not scarce here, and the audit shows them.
#define PATDSL_KERNEL(threads, blocks) __global__ __launch_bounds__(threads)
#define PATDSL_SHARED(type, name, count) __shared__ __attribute__((aligned(16))) type name[count]

namespace patdsl {

constexpr int kWave = 64;
constexpr int kLaunchWave = 64;
constexpr bool kScarceRegisters = false;
constexpr bool kBeginsEarly = false;
#if defined(__gfx942__)
constexpr float kFp8Limit = 224.0f;  // e4m3fnuz reaches 240; the quantisation ops in use scale to 224
constexpr bool kFnuz = true;
constexpr float kFp8Largest = 240.0f;
#else
constexpr float kFp8Limit = 448.0f;
constexpr bool kFnuz = false;
constexpr float kFp8Largest = 448.0f;
#endif
#if defined(__HIP_DEVICE_COMPILE__) && !defined(__gfx942__) && !defined(__gfx950__)
#error "the kernels are written for gfx942 and gfx950: another architecture needs its lane exchange checked first"
#endif

PATDSL_DEVICE int thread_x() { return PATDSL_THREAD_X(); }
PATDSL_DEVICE int block_threads() { return PATDSL_BLOCK_THREADS(); }
PATDSL_DEVICE Int64 block_x() { return PATDSL_BLOCK_X(); }
PATDSL_DEVICE int block_y() { return PATDSL_BLOCK_Y(); }
PATDSL_DEVICE void block_barrier() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

PATDSL_DEVICE float as_float(Word bits) { return __builtin_bit_cast(float, bits); }
PATDSL_DEVICE Word as_bits(float value) { return __builtin_bit_cast(Word, value); }

// Data-parallel primitives: no pass through LDS. The mirrors reach lane ^ 7 and lane ^ 15, which lie in the other half.
template <int kStep>
PATDSL_DEVICE Word exchange(Word value) {
  static_assert(kStep == 1 || kStep == 2 || kStep == 4 || kStep == 8, "a row is 16 lanes");
  constexpr int kControl = kStep == 1   ? 0xb1    // quad_perm [1, 0, 3, 2]
                           : kStep == 2 ? 0x4e    // quad_perm [2, 3, 0, 1]
                           : kStep == 4 ? 0x141   // row_half_mirror
                                        : 0x140;  // row_mirror
  return __builtin_amdgcn_mov_dpp(value, kControl, 0xf, 0xf, true);
}

PATDSL_DEVICE float wave_sum(float value) {
  value += as_float(exchange<1>(as_bits(value)));
  value += as_float(exchange<2>(as_bits(value)));
  value += as_float(exchange<4>(as_bits(value)));
  value += as_float(exchange<8>(as_bits(value)));
  const float row0 = as_float(__builtin_amdgcn_readlane(as_bits(value), 0));
  const float row1 = as_float(__builtin_amdgcn_readlane(as_bits(value), 16));
  const float row2 = as_float(__builtin_amdgcn_readlane(as_bits(value), 32));
  const float row3 = as_float(__builtin_amdgcn_readlane(as_bits(value), 48));
  return (row0 + row1) + (row2 + row3);
}

PATDSL_DEVICE Word max_u16x2(Word a, Word b) {
  using Pair = unsigned short __attribute__((ext_vector_type(2)));
  return __builtin_bit_cast(
      Word, __builtin_elementwise_max(__builtin_bit_cast(Pair, a), __builtin_bit_cast(Pair, b)));
}

PATDSL_DEVICE Word wave_max_u16x2(Word value) {
  value = max_u16x2(value, exchange<1>(value));
  value = max_u16x2(value, exchange<2>(value));
  value = max_u16x2(value, exchange<4>(value));
  value = max_u16x2(value, exchange<8>(value));
  const Word row0 = __builtin_amdgcn_readlane(value, 0), row1 = __builtin_amdgcn_readlane(value, 16);
  const Word row2 = __builtin_amdgcn_readlane(value, 32), row3 = __builtin_amdgcn_readlane(value, 48);
  return max_u16x2(max_u16x2(row0, row1), max_u16x2(row2, row3));
}

PATDSL_DEVICE float fused_multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }

PATDSL_DEVICE float product(float a, float b) {
#pragma clang fp contract(off)
  return a * b;
}

PATDSL_DEVICE float reciprocal_square_root(float value) {
  const bool tiny = value < 0x1p-96f;  // the instruction takes no subnormals
  const float root = __builtin_amdgcn_rsqf(tiny ? value * 0x1p+48f : value);
  return tiny ? root * 0x1p+24f : root;
}

PATDSL_DEVICE float reciprocal_guess(float value) { return __builtin_amdgcn_rcpf(value); }

PATDSL_DEVICE float exp2(float value) { return __builtin_amdgcn_exp2f(value); }

PATDSL_DEVICE float divide(float a, float b) { return a / b; }  // clang's default for HIP rounds it correctly

PATDSL_DEVICE void load16(Word (&words)[4], const void* from) {
  using Words = Word __attribute__((ext_vector_type(4)));
  const Words got = *static_cast<const Words*>(from);
  words[0] = got.x, words[1] = got.y, words[2] = got.z, words[3] = got.w;
}

// Kernels of a stream do not overlap here: there is nothing to do while one waits.
PATDSL_DEVICE void fetch_line_ahead(const void*) {}
PATDSL_DEVICE void fetch_ahead(const void*, unsigned) {}
PATDSL_DEVICE void wait_for_previous() {}
PATDSL_DEVICE void let_next_begin() {}

PATDSL_DEVICE void opaque(Word& value) { asm volatile("" : "+v"(value)); }

PATDSL_DEVICE Word larger_magnitudes(Word a, Word b) { return max_u16x2(a & 0x7fff7fffu, b & 0x7fff7fffu); }

PATDSL_DEVICE Word low_halves(Word a, Word b) { return __builtin_amdgcn_perm(b, a, 0x05040100u); }
PATDSL_DEVICE Word high_halves(Word a, Word b) { return __builtin_amdgcn_perm(b, a, 0x07060302u); }

struct Bf16 {
  using Pair = __bf16 __attribute__((ext_vector_type(2)));
  using Floats = float __attribute__((ext_vector_type(2)));
  static PATDSL_DEVICE Word pack(float low, float high) {
    return __builtin_bit_cast(Word, __builtin_convertvector((Floats{low, high}), Pair));
  }
  static PATDSL_DEVICE float low(Word pair) { return as_float(pair << 16); }
  static PATDSL_DEVICE float high(Word pair) { return as_float(pair & 0xffff0000u); }
  static PATDSL_DEVICE Word multiply(Word a, Word b) { return pack(low(a) * low(b), high(a) * high(b)); }
  static PATDSL_DEVICE Word larger(Word a, Word b) { return larger_magnitudes(a, b); }
};

struct F16 {
  using Pair = _Float16 __attribute__((ext_vector_type(2)));
  using Floats = float __attribute__((ext_vector_type(2)));
  static PATDSL_DEVICE Word pack(float low, float high) {
    return __builtin_bit_cast(Word, __builtin_convertvector((Floats{low, high}), Pair));
  }
  static PATDSL_DEVICE float low(Word pair) { return static_cast<float>(__builtin_bit_cast(Pair, pair).x); }
  static PATDSL_DEVICE float high(Word pair) { return static_cast<float>(__builtin_bit_cast(Pair, pair).y); }
  static PATDSL_DEVICE Word multiply(Word a, Word b) {
    return __builtin_bit_cast(Word, __builtin_bit_cast(Pair, a) * __builtin_bit_cast(Pair, b));
  }
  static PATDSL_DEVICE Word larger(Word a, Word b) { return larger_magnitudes(a, b); }
};

PATDSL_DEVICE Word fp8x4(float a, float b, float c, float d) {
  const int low = __builtin_amdgcn_cvt_pk_fp8_f32(a, b, 0, false);
  return __builtin_amdgcn_cvt_pk_fp8_f32(c, d, low, true);
}

PATDSL_DEVICE float within_fp8(float value) {
  const float below = value > kFp8Largest ? kFp8Largest : value;  // a comparison with NaN is false
  return below < -kFp8Largest ? -kFp8Largest : below;
}

PATDSL_DEVICE Word fp8x4_saturated(float a, float b, float c, float d) {
  return fp8x4(within_fp8(a), within_fp8(b), within_fp8(c), within_fp8(d));
}

// Makes `device` the current one while it lives. `error` is 0 or the runtime's error number.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) : device_(device) {
    error = hipGetDevice(&before_);
    if (error == 0 && before_ != device_) error = hipSetDevice(device_);
  }
  ~DeviceGuard() {
    if (error == 0 && before_ != device_) static_cast<void>(hipSetDevice(before_));
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

  int error = 0;

 private:
  int device_, before_ = 0;
};

template <class Args>
int launch_early(void (*kernel)(Args), Int64 grid_x, Int64 grid_y, int block, Int64 stream, const Args& args) {
  Args copy = args;
  void* parameters[] = {&copy};
  return hipLaunchKernel(reinterpret_cast<const void*>(kernel),
                         dim3(static_cast<unsigned>(grid_x), static_cast<unsigned>(grid_y)), dim3(block), parameters, 0,
                         reinterpret_cast<hipStream_t>(stream));
}

inline int processors(Int64) { return 1; }  // not asked for

}  // namespace patdsl
