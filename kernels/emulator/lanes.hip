// The C function of lanes.h.
#include "lanes.h"

extern "C" int patdsl_lanes(const PatdslLanesCall* call) {
  const patdsl::DeviceGuard guard(static_cast<int>(call->device));
  return guard.error != 0 ? guard.error : patdsl::launch_lanes<0>(*call);
}
