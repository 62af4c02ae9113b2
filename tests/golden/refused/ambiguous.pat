# Nothing says which of the two counts.
op slow(x: T[*B]) -> (y: T[*B])
  = lang::twice_plus_one

op fast(x: T[*B]) -> (y: T[*B])
  = lang::twice_plus_one_fast

pattern one { neg -> abs => slow }

pattern other { neg -> abs => fast }
