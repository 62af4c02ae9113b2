# `mut x -> _`: written, and the declared op says nothing of what it holds then.
op total(x: T[*B], residual: T[*B]) -> (sum: T[*B])
  = lang::add_twice_(mut x -> _, mut residual -> sum)

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op total_plus_one(x: T[*B], residual: T[*B]) -> (y: T[*B])
  = lang::add_plus_one

pattern total_plus_one { total -> increment => total_plus_one }
