# Of nested matches the larger one wins; of equal ones the one that redefines fewer values.
import lang (double, increment, both)

op triple(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice_plus_one_twice

pattern small { double -> increment => both }

pattern large { double -> increment -> double => triple }

pattern also_shifts(x: T[*B, H]) {
  d = double(x)
  y = increment(d)
=>
  d = spread_low(x)
  y = both(x)
}

op spread_low(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice
