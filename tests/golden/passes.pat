# Targets, a condition, and an order that is not that of the file.
import lang (double, increment, both)

host tp_size: int

const most = 4

op both_plus_one(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice_plus_two

pattern first { double -> increment => both }

pattern second { both -> increment => both_plus_one }

pass later after earlier { second }

pass earlier on gfx942, sm_90+ when tp_size > 1 and tp_size <= most { first }
