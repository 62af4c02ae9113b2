// The norm and group quantisation kernels for bf16.
#include "norm_group_quant_launch.h"

template int patdsl::launch_norm_group_quant<patdsl::Bf16>(const PatdslNormGroupQuantCall&);
