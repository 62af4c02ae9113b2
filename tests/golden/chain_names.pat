# The arrow feeds the first tensor; parameters bind by name; results correspond by name.
import kernels (add_norm, quant, add_norm_quant)

pattern add_norm_quant { add_norm -> quant => add_norm_quant }
