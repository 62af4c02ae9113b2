// What a fused kernel's time is held against: an empty kernel, and copies that move the same bytes.
//
// In: the buffers of a row kernel, 8 16-bit floats a vector. Out: as many bytes written, with no meaning.
// `form` of a copy: 1, 2, 4 vectors a thread and one row a block (the weight is read too), 22 the same with two vectors
// that are neighbours; 101, 102, 104, 122 the same over the flat tensors, without the weight. 1000 more: launched before
// the kernel in front has ended (programmatic dependent launch), and waits for that before it reads; 2000 more: fetches what it will read into the L2 cache before it waits, too.
#include <cuda_runtime.h>

namespace {

constexpr int kFlatThreads = 256;

struct Copy {
  const uint4* x;
  const uint4* other;   // null: one input
  const uint4* weight;  // null: none
  uint2* q;             // 8 bytes a vector, or null
  uint4* y;             // 16 bytes a vector, or null
  uint4* sum;           // another 16 bytes a vector, or null
  void* scale;          // null: none
  long long rows;
  int vectors;      // in a row
  int pitch;        // vectors from row to row of x and other
  int scale_shift;  // a scale for each 1 << scale_shift vectors; -1: one for each row
  int scale_bytes;  // 4 or 1
  bool ahead;
};

__global__ void empty() {}

__device__ void write_scale(const Copy& args, long long place, int column, long long row, unsigned value) {
  long long index;
  if (args.scale_shift < 0) {
    if (column != 0) return;
    index = row;
  } else {
    if (place & ((1 << args.scale_shift) - 1)) return;
    index = place >> args.scale_shift;
  }
  if (args.scale_bytes == 4) {
    static_cast<unsigned*>(args.scale)[index] = value;
  } else {
    static_cast<unsigned char*>(args.scale)[index] = static_cast<unsigned char>(value);
  }
}

// Both do nothing in a kernel that was not launched early.
__device__ void begin() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  asm volatile("griddepcontrol.wait;" ::: "memory");
}

// A hint for the 128 bytes that every eighth 16 bytes begin.
__device__ void fetch_ahead(const uint4* from, long long place) {
  if (place % 8 == 0) asm volatile("prefetch.global.L2 [%0];" ::"l"(from + place));
}

template <class... Args>
int launch(void (*kernel)(Args...), long long grid, int threads, bool early, cudaStream_t stream, Args... args) {
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(grid));
  config.blockDim = dim3(threads);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = early ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, args...);
}

template <int kVectors, bool kRows, bool kNeighbours, bool kOther, bool kWide, bool kSum>
__global__ __launch_bounds__(kRows ? 1024 / kVectors : kFlatThreads, 1) void copy(Copy args) {
  const long long row = blockIdx.x;
  const long long total = args.rows * args.vectors;
  const long long out_base = kRows ? row * args.vectors : row * blockDim.x * kVectors;
  const long long in_base = kRows ? row * args.pitch : out_base;
  const long long room = kRows ? args.vectors : total - out_base;
  if (args.ahead) {
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      const int at = kNeighbours ? threadIdx.x * kVectors + i : threadIdx.x + i * blockDim.x;
      if (at >= room) continue;
      fetch_ahead(args.x, in_base + at);
      if (kOther) fetch_ahead(args.other, in_base + at);
      if (kRows && args.weight) fetch_ahead(args.weight, at);
    }
  }
  begin();
  uint4 x[kVectors], other[kVectors], weight[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int at = kNeighbours ? threadIdx.x * kVectors + i : threadIdx.x + i * blockDim.x;
    x[i] = other[i] = weight[i] = {0, 0, 0, 0};
    if (at >= room) continue;
    x[i] = args.x[in_base + at];
    if (kOther) other[i] = args.other[in_base + at];
    if (kRows && args.weight) weight[i] = args.weight[at];
  }
  uint2 narrow[kVectors];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int at = kNeighbours ? threadIdx.x * kVectors + i : threadIdx.x + i * blockDim.x;
    if (at >= room) continue;
    const long long place = out_base + at;
    uint4 out = {x[i].x ^ weight[i].x, x[i].y ^ weight[i].y, x[i].z ^ weight[i].z, x[i].w ^ weight[i].w};
    if (kOther && !kSum) out.x ^= other[i].x, out.y ^= other[i].y, out.z ^= other[i].z, out.w ^= other[i].w;
    if (kSum) args.sum[place] = other[i];
    if (kWide) args.y[place] = out;
    narrow[i] = {out.x ^ out.z, out.y ^ out.w};
    if (!kWide && !(kNeighbours && kVectors == 2)) args.q[place] = narrow[i];
    if (args.scale) {
      const bool flat_rows = !kRows && args.scale_shift < 0;  // the first threads write what the rows' would
      if (!flat_rows) write_scale(args, place, at, row, out.x);
      if (flat_rows && place < args.rows) write_scale(args, place, 0, place, out.x);
    }
  }
  if constexpr (!kWide && kNeighbours && kVectors == 2) {
    if (threadIdx.x * 2 < room) {
      const uint4 both = {narrow[0].x, narrow[0].y, narrow[1].x, narrow[1].y};
      reinterpret_cast<uint4*>(args.q)[out_base / 2 + threadIdx.x] = both;
    }
  }
}

template <bool kOther, bool kWide, bool kSum>
int run(const Copy& args, int form, cudaStream_t stream) {
  const bool early = form >= 1000;
  form %= 1000;
  const bool rows = form < 100;
  const int vectors = form % 10;
  const int threads = rows ? ((args.vectors + vectors - 1) / vectors + 31) / 32 * 32 : kFlatThreads;
  if (rows && threads > 1024 / vectors) return -1;
  const long long each = static_cast<long long>(threads) * vectors;
  const long long grid = rows ? args.rows : (args.rows * args.vectors + each - 1) / each;
  switch (form) {
    case 1: return launch(copy<1, true, false, kOther, kWide, kSum>, grid, threads, early, stream, args);
    case 2: return launch(copy<2, true, false, kOther, kWide, kSum>, grid, threads, early, stream, args);
    case 4: return launch(copy<4, true, false, kOther, kWide, kSum>, grid, threads, early, stream, args);
    case 22: return launch(copy<2, true, true, kOther, kWide, kSum>, grid, threads, early, stream, args);
    case 101: return launch(copy<1, false, false, kOther, kWide, kSum>, grid, threads, early, stream, args);
    case 102: return launch(copy<2, false, false, kOther, kWide, kSum>, grid, threads, early, stream, args);
    case 104: return launch(copy<4, false, false, kOther, kWide, kSum>, grid, threads, early, stream, args);
    case 122: return launch(copy<2, false, true, kOther, kWide, kSum>, grid, threads, early, stream, args);
    default: return -1;
  }
}

// Reads `in_units` and writes `out_units` of 16 bytes, which may differ, kUnits a thread.
template <int kUnits>
__global__ void stream_bytes(const uint4* in, uint4* out, long long in_units, long long out_units, bool ahead) {
  const long long base = static_cast<long long>(blockIdx.x) * blockDim.x * kUnits + threadIdx.x;
  if (ahead) {
#pragma unroll
    for (int i = 0; i < kUnits; ++i) {
      if (base + i * blockDim.x < in_units) fetch_ahead(in, base + i * blockDim.x);
    }
  }
  begin();
  uint4 value[kUnits];
#pragma unroll
  for (int i = 0; i < kUnits; ++i) {
    const long long place = base + i * blockDim.x;
    value[i] = place < in_units ? in[place] : uint4{1, 2, 3, 4};
  }
#pragma unroll
  for (int i = 0; i < kUnits; ++i) {
    const long long place = base + i * blockDim.x;
    // A value that is read and not written must still be waited for.
    if (place < out_units || (value[i].x == 0x9e3779b9u && value[i].w == 0x7f4a7c15u)) out[place] = value[i];
  }
}

}  // namespace

extern "C" int floor_copy(const void* x, const void* other, const void* weight, void* q, void* y, void* sum,
                          void* scale, long long rows, long long hidden, int pitch, int scale_shift, int scale_bytes,
                          int form, void* stream) {
  // Two halves of wide rows are, to a flat copy, two halves of the whole.
  const bool halves = form % 1000 >= 100 && pitch > hidden;
  const auto first = static_cast<const uint4*>(x);
  const Copy args = {first,
                     halves ? first + rows * hidden / 8 : static_cast<const uint4*>(other),
                     static_cast<const uint4*>(weight),
                     static_cast<uint2*>(q),
                     static_cast<uint4*>(y),
                     static_cast<uint4*>(sum),
                     scale,
                     rows,
                     static_cast<int>(hidden / 8),
                     pitch / 8,
                     scale_shift,
                     scale_bytes,
                     form >= 2000};
  const auto chosen = static_cast<cudaStream_t>(stream);
  if (sum) return y ? run<true, true, true>(args, form, chosen) : run<true, false, true>(args, form, chosen);
  if (other) return y ? run<true, true, false>(args, form, chosen) : run<true, false, false>(args, form, chosen);
  return y ? run<false, true, false>(args, form, chosen) : run<false, false, false>(args, form, chosen);
}

extern "C" int floor_stream(const void* in, void* out, long long in_bytes, long long out_bytes, int units, int threads,
                            int early, void* stream) {
  const long long in_units = in_bytes / 16, out_units = out_bytes / 16;
  const long long most = in_units > out_units ? in_units : out_units;
  const long long each = static_cast<long long>(threads) * units;
  const long long grid = (most + each - 1) / each;
  const auto from = static_cast<const uint4*>(in);
  const auto to = static_cast<uint4*>(out);
  const auto chosen = static_cast<cudaStream_t>(stream);
  switch (units) {
    case 1: return launch(stream_bytes<1>, grid, threads, early != 0, chosen, from, to, in_units, out_units, early == 2);
    case 2: return launch(stream_bytes<2>, grid, threads, early != 0, chosen, from, to, in_units, out_units, early == 2);
    case 4: return launch(stream_bytes<4>, grid, threads, early != 0, chosen, from, to, in_units, out_units, early == 2);
    default: return -1;
  }
}

extern "C" int floor_empty(long long blocks, int threads, void* stream) {
  empty<<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>();
  return cudaGetLastError();
}
