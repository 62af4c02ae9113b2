# `tokens` is the range of token counts that a graph is compiled for.
import lang (double, increment, both)

pattern short { double -> increment => both }

pass short when tokens <= 512 { short }
