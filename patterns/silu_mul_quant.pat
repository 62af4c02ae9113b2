# silu(gate) * up and its quantisation. The custom op and the torch code that Inductor leaves are one declaration.
import vllm_ir
import aiter

pattern silu_mul_group_quant { silu_and_mul -> view? -> 1..x group_quant => silu_mul_group_quant }

pass silu_mul_quant { silu_mul_group_quant }
