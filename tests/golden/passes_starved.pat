# The first pass takes the ops that the second one needs; that is a warning.
import lang (double, increment, both)

op triple(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice_plus_one_twice

pattern small { double -> increment => both }

pattern large { double -> increment -> double => triple }

pass earlier { small }

pass later { large }
