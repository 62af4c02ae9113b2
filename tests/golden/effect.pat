# The schemas say pure, and are wrong: what these do to the cache keeps its order.
op store(x: T[*B], layer: str) -> (dep: T[0])
  = lang::store
  effect cache

op load(x: T[*B], layer: str) -> (y: T[*B])
  = lang::load
  effect cache read

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op store_twice(x: T[*B], layer: str) -> (dep: T[0])
  = lang::store_twice
  effect cache

op load_twice(x: T[*B], layer: str) -> (y: T[*B])
  = lang::load_twice
  effect cache read

pattern store_twice { double -> store => store_twice }

pass stores { store_twice }

pattern load_twice { load -> double => load_twice }

pass loads { load_twice }
