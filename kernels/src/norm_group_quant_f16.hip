// The norm and group quantisation kernels for fp16.
#include "norm_group_quant_launch.h"

template int patdsl::launch_norm_group_quant<patdsl::F16>(const PatdslNormGroupQuantCall&);
