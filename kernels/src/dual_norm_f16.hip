#include "dual_launch.h"

template int patdsl::launch_dual<patdsl::F16>(const PatdslDualNormCall&);
