# `name: op?` may be absent; `name?` applies it again where it was present.
import lang (double, increment, spread, double_spread)

pattern optional { double -> shift: increment? -> spread => shift? -> double_spread }
