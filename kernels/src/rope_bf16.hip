// The rotary and cache kernels for bf16.
#include "rope_launch.h"

template int patdsl::launch_rope<patdsl::Bf16>(const PatdslRopeCall&);
