// The C functions of the row kernels: each checks a call's fields and finds the family that runs it.
#include "dual_launch.h"

namespace patdsl {

constexpr Int64 kMaxHidden = 65536;
constexpr Int64 kMaxRows = 0x7fffffff;

#define PATDSL_FAMILY(T)                                                             \
  extern template int launch_rows<T, Family::kNorm>(const PatdslRowsCall&);          \
  extern template int launch_rows<T, Family::kAddNorm>(const PatdslRowsCall&);       \
  extern template int launch_rows<T, Family::kGatedNorm>(const PatdslRowsCall&);     \
  extern template int launch_rows<T, Family::kAnyNorm>(const PatdslRowsCall&);       \
  extern template int launch_rows<T, Family::kActivationMul>(const PatdslRowsCall&); \
  extern template int launch_rows<T, Family::kPlain>(const PatdslRowsCall&);         \
  extern template int launch_dual<T>(const PatdslDualNormCall&);
PATDSL_FAMILY(Bf16)
PATDSL_FAMILY(F16)
#undef PATDSL_FAMILY

namespace {

bool is_norm(const PatdslRowsCall& call) {
  return call.source == kNorm || call.source == kAddNorm || call.source == kGatedNorm;
}

bool is_quantised(const PatdslRowsCall& call) { return call.quant != kNone; }

bool has_good_sizes(const PatdslRowsCall& call) {
  if (call.rows < 0 || call.rows > kMaxRows || call.hidden < 1 || call.hidden > kMaxHidden) return false;
  if (call.variance_size < 1 || call.variance_size > call.hidden) return false;
  if (!is_norm(call) && call.variance_size != call.hidden) return false;
  if (call.y_width < call.hidden || (is_quantised(call) && call.y_width != call.hidden)) return false;
  if (call.quant == kMx && call.group != 32) return false;
  return call.quant != kGroup || call.group == 32 || call.group == 64 || call.group == 128;
}

bool has_good_kinds(const PatdslRowsCall& call) {
  if (call.source < kPlain || call.source > kGeluMul || call.quant < kNone || call.quant > kMx) return false;
  if (call.config < kLooped || call.config >= kConfigs) return false;
  if ((call.dtype != 0 && call.dtype != 1) || (call.source == kPlain && !is_quantised(call))) return false;
  return call.quant != kMx || call.int8 == 0;
}

bool has_good_pointers(const PatdslRowsCall& call) {
  const bool two = call.source == kAddNorm || call.source == kGatedNorm;
  if (!call.x || (two && !call.other) || (call.source == kAddNorm && !call.sum)) return false;
  if (!is_quantised(call)) return call.y != nullptr;
  return call.q && call.scale;
}

bool is_good(const PatdslRowsCall& call) {
  return has_good_kinds(call) && has_good_sizes(call) && (call.rows == 0 || has_good_pointers(call));
}

template <class T>
int launch_family(const PatdslRowsCall& call) {
  const bool usual = is_usual_norm(call);
  switch (call.source) {
    case kPlain: return launch_rows<T, Family::kPlain>(call);
    case kSiluMul:
    case kGeluMul: return launch_rows<T, Family::kActivationMul>(call);
    case kNorm: return usual ? launch_rows<T, Family::kNorm>(call) : launch_rows<T, Family::kAnyNorm>(call);
    case kAddNorm: return usual ? launch_rows<T, Family::kAddNorm>(call) : launch_rows<T, Family::kAnyNorm>(call);
    case kGatedNorm:
      return usual ? launch_rows<T, Family::kGatedNorm>(call) : launch_rows<T, Family::kAnyNorm>(call);
    default: return kBadArguments;
  }
}

}  // namespace
}  // namespace patdsl

extern "C" int patdsl_rows(const PatdslRowsCall* call) {
  using namespace patdsl;
  if (!call || !is_good(*call)) return kBadArguments;
  if (call->rows == 0) return 0;
  const DeviceGuard guard(static_cast<int>(call->device));
  if (guard.error != 0) return guard.error;
  return call->dtype == 0 ? launch_family<Bf16>(*call) : launch_family<F16>(*call);
}

extern "C" int patdsl_dual_norm(const PatdslDualNormCall* call) {
  using namespace patdsl;
  if (!call || !is_good(call->first) || !is_good(call->second)) return kBadArguments;
  const PatdslRowsCall &first = call->first, &second = call->second;
  if (first.source != kNorm || second.source != kNorm || second.quant != kNone) return kBadArguments;
  if (first.rows != second.rows || first.dtype != second.dtype) return kBadArguments;
  if (first.rows == 0) return 0;
  const DeviceGuard guard(static_cast<int>(first.device));
  if (guard.error != 0) return guard.error;
  return first.dtype == 0 ? launch_dual<Bf16>(*call) : launch_dual<F16>(*call);
}
