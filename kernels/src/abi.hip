// The C functions of the library. Each takes one call's fields and returns 0, -1 for arguments that no kernel takes,
// else the runtime's error number.
#include "norm_group_quant_launch.h"

#if !defined(PATDSL_ARCH)
#error "define PATDSL_ARCH as the architecture's name in quotes"
#endif

extern template int patdsl::launch_norm_group_quant<patdsl::Bf16>(const PatdslNormGroupQuantCall&);
extern template int patdsl::launch_norm_group_quant<patdsl::F16>(const PatdslNormGroupQuantCall&);

extern "C" {

// What the library was built for, such as "gfx942" or "sm_90".
const char* patdsl_arch() { return PATDSL_ARCH; }

int patdsl_norm_group_quant(const PatdslNormGroupQuantCall* call) {
  using namespace patdsl;
  if (!call || call->rows < 0 || call->rows > kMaxRows || call->hidden < 1 || call->hidden > kMaxHidden) {
    return kBadArguments;
  }
  if (call->group != 32 && call->group != 64 && call->group != 128) return kBadArguments;
  if (call->rows == 0) return 0;
  if (!call->x || !call->weight || !call->q || !call->scale || (call->residual && !call->residual_out)) {
    return kBadArguments;
  }
  const DeviceGuard guard(static_cast<int>(call->device));
  if (guard.error != 0) return guard.error;
  switch (call->dtype) {
    case 0: return launch_norm_group_quant<Bf16>(*call);
    case 1: return launch_norm_group_quant<F16>(*call);
    default: return kBadArguments;
  }
}
}
