# `2x` on the right: a call for each branch.
import kernels

pattern each { norm -> view? -> 2x quant => 2x matrix_norm_quant }
