# The second pass starts from what the first one makes: not starved.
import lang (double, increment, both)

op triple(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice_plus_one_twice

pattern small { double -> increment => both }

pattern from_small { both -> double => triple }

pass earlier { small }

pass later { from_small }
