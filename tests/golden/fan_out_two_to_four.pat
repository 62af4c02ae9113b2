import kernels

pattern fan_out { norm -> 2..4x quant => 2..4x norm_quant }
