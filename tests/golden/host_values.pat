# What the integration knows: values and functions, with a test value where nobody supplies them.
host width: int
host supports(layer: str, what: str): bool = false

op load(x: T[*B, H], layer: str) -> (y: T[*B, H])
  = lang::load

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op load_twice(x: T[*B, H], layer: str) -> (y: T[*B, H])
  = lang::load_twice
  where supports(layer, "twice")

pattern load_twice {
  load -> double => load_twice
  where H == 8 * width
}
