# Without a count on the right: computed once, and every branch takes the result.
import kernels

pattern shared { norm -> view? -> 1..x quant => norm_quant }
