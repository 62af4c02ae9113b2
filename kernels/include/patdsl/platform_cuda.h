// The names of platform.h for nvcc: waves of 32 lanes, e4m3fn, compute capability 8.9 and newer.
#pragma once

#include <cuda_runtime.h>

#define PATDSL_DEVICE __device__ __forceinline__
// The blocks that a multiprocessor must have room for; always given, since without it ptxas aims at two and spills.
#define PATDSL_KERNEL(threads, blocks) __global__ __launch_bounds__(threads, blocks)
#define PATDSL_SHARED(type, name, count) __shared__ alignas(16) type name[count]

namespace patdsl {

constexpr int kWave = 32;
constexpr int kLaunchWave = 32;
constexpr bool kScarceRegisters = true;
constexpr bool kBeginsEarly = true;
constexpr float kFp8Limit = 448.0f;
constexpr bool kFnuz = false;

PATDSL_DEVICE int thread_x() { return threadIdx.x; }
PATDSL_DEVICE int block_threads() { return blockDim.x; }
PATDSL_DEVICE Int64 block_x() { return blockIdx.x; }
PATDSL_DEVICE int block_y() { return blockIdx.y; }
PATDSL_DEVICE void block_barrier() { __syncthreads(); }

PATDSL_DEVICE float as_float(Word bits) { return __uint_as_float(bits); }
PATDSL_DEVICE Word as_bits(float value) { return __float_as_uint(value); }

template <int kStep>
PATDSL_DEVICE Word exchange(Word value) {
  return __shfl_xor_sync(0xffffffffu, value, kStep);
}

PATDSL_DEVICE float wave_sum(float value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  return value;
}

PATDSL_DEVICE Word wave_max_u16x2(Word value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value = __vmaxu2(value, __shfl_xor_sync(0xffffffffu, value, step));
  return value;
}

PATDSL_DEVICE float fused_multiply_add(float a, float b, float c) { return __fmaf_rn(a, b, c); }
PATDSL_DEVICE float product(float a, float b) { return __fmul_rn(a, b); }
PATDSL_DEVICE float reciprocal_square_root(float value) { return rsqrtf(value); }

PATDSL_DEVICE float reciprocal_guess(float value) {
  float guess;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(guess) : "f"(value));
  return guess;
}

PATDSL_DEVICE float exp2(float value) {
  float power;
  asm("ex2.approx.f32 %0, %1;" : "=f"(power) : "f"(value));
  return power;
}

PATDSL_DEVICE float divide(float a, float b) { return __fdiv_rn(a, b); }

PATDSL_DEVICE void load16(Word (&words)[4], const void* from) {
  asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "l"(from));
}

// Into L2, which all writes pass through: what is read after `wait_for_previous` is what was written.
PATDSL_DEVICE void fetch_line_ahead(const void* from) { asm volatile("prefetch.global.L2 [%0];" ::"l"(from)); }

PATDSL_DEVICE void fetch_ahead(const void* from, unsigned bytes) {
#if __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(from), "r"(bytes));
#endif
}

PATDSL_DEVICE void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

PATDSL_DEVICE void let_next_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

PATDSL_DEVICE void opaque(Word& value) { asm volatile("" : "+r"(value)); }
PATDSL_DEVICE Word max_u16x2(Word a, Word b) { return __vmaxu2(a, b); }

PATDSL_DEVICE Word low_halves(Word a, Word b) { return __byte_perm(a, b, 0x5410); }
PATDSL_DEVICE Word high_halves(Word a, Word b) { return __byte_perm(a, b, 0x7632); }

struct Bf16 {
  static PATDSL_DEVICE Word pack(float low, float high) {
    Word packed;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
  }
  static PATDSL_DEVICE float low(Word pair) { return as_float(pair << 16); }
  static PATDSL_DEVICE float high(Word pair) { return as_float(pair & 0xffff0000u); }
  static PATDSL_DEVICE Word multiply(Word a, Word b) {
    Word product;
    asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(product) : "r"(a), "r"(b));
    return product;
  }
  static PATDSL_DEVICE Word larger(Word a, Word b) {
    Word larger;
    asm("max.NaN.xorsign.abs.bf16x2 %0, %1, %2;" : "=r"(larger) : "r"(a), "r"(b));
    return larger;
  }
};

struct F16 {
  static PATDSL_DEVICE Word pack(float low, float high) {
    Word packed;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
  }
  static PATDSL_DEVICE float low(Word pair) { return widen(static_cast<unsigned short>(pair)); }
  static PATDSL_DEVICE float high(Word pair) { return widen(static_cast<unsigned short>(pair >> 16)); }
  static PATDSL_DEVICE Word multiply(Word a, Word b) {
    Word product;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(product) : "r"(a), "r"(b));
    return product;
  }
  static PATDSL_DEVICE Word larger(Word a, Word b) {
    Word larger;
    asm("max.NaN.xorsign.abs.f16x2 %0, %1, %2;" : "=r"(larger) : "r"(a), "r"(b));
    return larger;
  }

 private:
  static PATDSL_DEVICE float widen(unsigned short half) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
    return value;
  }
};

PATDSL_DEVICE Word fp8x4(float a, float b, float c, float d) {
  unsigned short low, high;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(low) : "f"(b), "f"(a));
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(high) : "f"(d), "f"(c));
  return static_cast<Word>(low) | static_cast<Word>(high) << 16;
}

// The conversion itself saturates.
PATDSL_DEVICE Word fp8x4_saturated(float a, float b, float c, float d) { return fp8x4(a, b, c, d); }

// Makes `device` the current one while it lives. `error` is 0 or the runtime's error number.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) : device_(device) {
    error = cudaGetDevice(&before_);
    if (error == 0 && before_ != device_) error = cudaSetDevice(device_);
  }
  ~DeviceGuard() {
    if (error == 0 && before_ != device_) cudaSetDevice(before_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

  int error = 0;

 private:
  int device_, before_ = 0;
};

inline int processors(Int64 device) {
  int count = 0;
  return cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, static_cast<int>(device)) == 0 ? count : 1;
}

// The compute capability in a name such as "sm_90", times 10.
constexpr int capability(const char* arch) {
  int number = 0;
  for (arch += 3; *arch >= '0' && *arch <= '9'; ++arch) number = 10 * number + (*arch - '0');
  return number;
}

// Compute capability 9.0 and newer start the kernel's blocks while the last ones before it still run.
template <class Args>
int launch_early(void (*kernel)(Args), Int64 grid_x, Int64 grid_y, int block, Int64 stream, const Args& args) {
  cudaLaunchAttribute early = {};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(grid_x), static_cast<unsigned>(grid_y));
  config.blockDim = dim3(block);
  config.stream = reinterpret_cast<cudaStream_t>(stream);
  config.attrs = &early;
  config.numAttrs = capability(PATDSL_ARCH) >= 90 ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, args);
}

}  // namespace patdsl
