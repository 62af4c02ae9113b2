import kernels

pattern fan_out { norm -> 1..x quant => 1..x norm_quant }
