# What is passed on and never looked into: a layer by its name, or an object that is an input of the graph.

host supports(layer: opaque, what: str): bool = true

op load(x: T[*B, H], layer: opaque) -> (y: T[*B, H])
  = lang::load

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op load_twice(x: T[*B, H], layer: opaque) -> (y: T[*B, H])
  = lang::load_twice
  where supports(layer, "twice")

pattern load_twice { load -> double => load_twice }
