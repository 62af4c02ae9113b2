// The fields of a call of the row kernels: what every row's values are, and what becomes of them.
//
// In: nothing. Out: one struct. Every field is 8 bytes, so that a caller without this header can lay it out. Sizes and
// strides are in elements; tensors are dense in their last dimension, and each is as large as the names say.
#pragma once

#include "patdsl/platform.h"

namespace patdsl {

// What a row's values are before they are quantised.
enum Source : Int64 {
  kPlain = 0,      // x
  kNorm = 1,       // rms_norm(x)
  kAddNorm = 2,    // rms_norm(x + other), and that sum
  kGatedNorm = 3,  // rms_norm(x) * silu(other)
  kSiluMul = 4,    // silu(x[:hidden]) * x[hidden:]
  kGeluMul = 5,    // gelu(x[:hidden]) * x[hidden:]
};

// What becomes of them.
enum Quant : Int64 {
  kNone = 0,    // y alone
  kStatic = 1,  // one scale that is given
  kToken = 2,   // a scale for each row
  kGroup = 3,   // a scale for each `group` neighbours
  kMx = 4,      // an e8m0 scale for each 32 neighbours
};

}  // namespace patdsl

struct PatdslRowsCall {
  const void* x;       // T[rows, hidden]; silu_mul and gelu_mul: T[rows, 2 * hidden]
  const void* other;   // T[rows, hidden]: the residual or the gate; else null
  const void* weight;  // T[hidden] or f32[hidden]; null for 1
  void* q;             // fp8 or int8 [rows, hidden]; null without quantisation
  void* scale;         // static: f32[1], read; token: f32[rows]; group: f32[rows, groups]; mx: bytes [rows, groups]
  void* scale2;        // group and mx: a second place for the scales, in another layout, or null
  void* y;             // T[rows, y_width]: the values themselves; null where they are not wanted
  void* sum;           // T[rows, hidden]: x + other of add_norm
  patdsl::Int64 rows, hidden;   // 0 and up; 1 to 65,536
  patdsl::Int64 y_width;        // hidden and up: columns of y past hidden become 0 (without quantisation only)
  patdsl::Int64 variance_size;  // 1 to hidden: the columns whose mean square the norm takes
  patdsl::Int64 x_stride, other_stride, q_stride, y_stride, sum_stride;  // from row to row
  patdsl::Int64 scale_row_stride, scale_group_stride, scale2_row_stride, scale2_group_stride;
  double epsilon;
  patdsl::Int64 source, quant;  // of the enums above
  patdsl::Int64 group;          // 32, 64 or 128; mx: 32; else 0
  patdsl::Int64 ue8m0;          // group: 1 rounds the scale up to a power of two
  patdsl::Int64 weight_f32;     // 1: the weight is f32
  patdsl::Int64 gemma;          // 1: the weight is taken plus 1, in fp32
  patdsl::Int64 int8;           // 1: q is int8
  patdsl::Int64 dtype;          // 0: bf16, 1: fp16
  patdsl::Int64 config;         // 0: chosen by size; else a Form of rows_launch.h
  patdsl::Int64 device;         // the runtime's index
  patdsl::Int64 stream;         // a stream of that device, as an integer
};

// Two norms in one launch: `first` may be quantised, `second` may not. Both have as many rows, and one dtype.
struct PatdslDualNormCall {
  PatdslRowsCall first, second;
};
