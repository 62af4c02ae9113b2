// What a fused kernel's time is held against: an empty kernel, and copies that move the same bytes.
//
// In: the buffers of a norm and group quantisation, 8 16-bit floats a vector. Out: as many bytes written, with no
// meaning. `form`: 1, 2, 4 vectors a thread with one row a block (the weight is read too); 101, 102, 104 the same over
// the flat tensor, without the weight.
#include <cuda_runtime.h>

namespace {

struct Copy {
  const uint4* x;
  const uint4* residual;
  const uint4* weight;
  uint2* q;
  float* scale;
  uint4* residual_out;
  long long total;
  int vectors;
};

__global__ void empty() {}

template <int kVectors, bool kRows, bool kAdd>
__global__ __launch_bounds__(1024, 1) void copy(Copy args) {
  const long long base = kRows ? static_cast<long long>(blockIdx.x) * args.vectors
                               : static_cast<long long>(blockIdx.x) * blockDim.x * kVectors;
  const long long end = kRows ? base + args.vectors : args.total;
  uint4 x[kVectors], residual[kVectors], weight[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const long long place = base + threadIdx.x + i * blockDim.x;
    if (place >= end) continue;
    x[i] = args.x[place];
    if (kAdd) residual[i] = args.residual[place];
    if (kRows) weight[i] = args.weight[place - base];
  }
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const long long place = base + threadIdx.x + i * blockDim.x;
    if (place >= end) continue;
    uint2 out = {x[i].x ^ x[i].z, x[i].y ^ x[i].w};
    if (kRows) out.x ^= weight[i].x ^ weight[i].y, out.y ^= weight[i].z ^ weight[i].w;
    args.q[place] = out;
    if (place % 16 == 0) args.scale[place / 16] = __uint_as_float(out.x);
    if (kAdd) args.residual_out[place] = residual[i];
  }
}

template <bool kAdd>
int run(const Copy& args, int form, long long rows, cudaStream_t stream) {
  const int vectors = form % 100;
  const int threads = form < 100 ? ((args.vectors + vectors - 1) / vectors + 31) / 32 * 32 : 256;
  if (threads > 1024) return -1;
  const long long grid = form < 100 ? rows : (args.total + threads * vectors - 1) / (threads * vectors);
  switch (form) {
    case 1: copy<1, true, kAdd><<<grid, threads, 0, stream>>>(args); break;
    case 2: copy<2, true, kAdd><<<grid, threads, 0, stream>>>(args); break;
    case 4: copy<4, true, kAdd><<<grid, threads, 0, stream>>>(args); break;
    case 101: copy<1, false, kAdd><<<grid, threads, 0, stream>>>(args); break;
    case 102: copy<2, false, kAdd><<<grid, threads, 0, stream>>>(args); break;
    case 104: copy<4, false, kAdd><<<grid, threads, 0, stream>>>(args); break;
    default: return -1;
  }
  return cudaGetLastError();
}

}  // namespace

extern "C" int floor_copy(const void* x, const void* residual, const void* weight, void* q, void* scale,
                          void* residual_out, long long rows, long long hidden, int form, void* stream) {
  const Copy args = {static_cast<const uint4*>(x),
                     static_cast<const uint4*>(residual),
                     static_cast<const uint4*>(weight),
                     static_cast<uint2*>(q),
                     static_cast<float*>(scale),
                     static_cast<uint4*>(residual_out),
                     rows * hidden / 8,
                     static_cast<int>(hidden / 8)};
  const auto chosen = static_cast<cudaStream_t>(stream);
  return residual ? run<true>(args, form, rows, chosen) : run<false>(args, form, rows, chosen);
}

extern "C" int floor_empty(long long rows, int threads, void* stream) {
  empty<<<rows, threads, 0, static_cast<cudaStream_t>(stream)>>>();
  return cudaGetLastError();
}
