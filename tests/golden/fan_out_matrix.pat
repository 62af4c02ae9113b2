# The fused op takes a matrix: the input is flattened once, and the shared result viewed as each branch had it.
import kernels

pattern shared { norm -> view? -> 2x quant => matrix_norm_quant }
