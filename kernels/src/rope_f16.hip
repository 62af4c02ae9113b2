// The rotary and cache kernels for fp16.
#include "rope_launch.h"

template int patdsl::launch_rope<patdsl::F16>(const PatdslRopeCall&);
