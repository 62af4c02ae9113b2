# `name: op?` may be absent; `name?` applies it again where it was present.
import lang (double, increment, spread, double_spread)

pattern before { double -> sign: neg? -> spread => sign? -> double_spread }

pattern after { increment -> sign: abs? => plus_one_of -> sign? }

op plus_one_of(x: T[*B, H]) -> (y: T[*B, H])
  = lang::increase.by(x, 1.0)
