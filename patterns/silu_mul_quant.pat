# silu(gate) * up, or gelu(gate) * up, and its quantisation. The custom op and the torch code that Inductor leaves of
# silu are one declaration.
import vllm_ir
import aiter
import patdsl

pattern silu_mul_static_quant { silu_and_mul -> view? -> 1..x static_quant => silu_mul_static_quant }
pattern silu_mul_token_quant { silu_and_mul -> view? -> 1..x token_quant => silu_mul_token_quant }
pattern silu_mul_group_quant { silu_and_mul -> view? -> 1..x group_quant => silu_mul_group_quant }
pattern silu_mul_mx_quant { silu_and_mul -> view? -> 1..x mx_quant => silu_mul_mx_quant }

pattern gelu_mul_static_quant { gelu_and_mul -> view? -> 1..x static_quant => gelu_mul_static_quant }
pattern gelu_mul_token_quant { gelu_and_mul -> view? -> 1..x token_quant => gelu_mul_token_quant }
pattern gelu_mul_group_quant { gelu_and_mul -> view? -> 1..x group_quant => gelu_mul_group_quant }
pattern gelu_mul_mx_quant { gelu_and_mul -> view? -> 1..x mx_quant => gelu_mul_mx_quant }

pass silu_mul_quant { silu_mul_static_quant, silu_mul_token_quant, silu_mul_group_quant, silu_mul_mx_quant }

pass gelu_mul_quant { gelu_mul_static_quant, gelu_mul_token_quant, gelu_mul_group_quant, gelu_mul_mx_quant }
