#include "dual_launch.h"

template int patdsl::launch_dual<patdsl::Bf16>(const PatdslDualNormCall&);
