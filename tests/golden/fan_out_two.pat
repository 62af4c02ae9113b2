import kernels

pattern fan_out { norm -> 2x quant => 2x norm_quant }
