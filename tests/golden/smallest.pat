import kernels

pattern norm_quant { norm -> quant => norm_quant }
