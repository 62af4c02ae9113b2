# What tests run without patdsl: fan-outs, views, ops that write, conditions, hosts, effects.
host most_tokens: int
host supports(layer: opaque, what: str): bool

op norm(x: T[*B, H], weight: T[H], epsilon: float, shift: float = 0.0) -> (y: T[*B, H])
  = mini::norm

op quant(x: T[*B, H], group: int) -> (q: T[*B, H], scale: T[*B, H / group])
  = mini::quant

op norm_quant(x: T[M, H], weight: T[H], epsilon: float, group: int) -> (q: T[M, H], scale: T[M, H / group])
  = mini::norm_quant
  where group in {4, 8}

op activate(x: T[*B, 2 * D]) -> (y: T[*B, D])
  = mini::activate(out y, x)

op activate_quant(x: T[M, 2 * D], group: int) -> (q: T[M, D], scale: T[M, D / group])
  = mini::activate_quant(out q, out scale, x, group)

op store(x: T[*B], layer: opaque) -> (dep: T[0])
  = mini::store
  effect cache

op twice(x: T[*B]) -> (y: T[*B])
  = mini::twice

op twice_store(x: T[*B], layer: opaque) -> (dep: T[0], y: T[*B])
  = mini::twice_store(mut x -> y, layer) -> (dep)
  where supports(layer, "twice")
  effect cache

pattern norm_quant { norm -> view? -> 1..x quant => norm_quant }

pattern activate_quant { activate -> quant => activate_quant }

pattern twice_store(x: T[*B, H]) {
  y   = twice(x)
  dep = store(y, layer)
=>
  dep, y = twice_store(x, layer)
}

pass quants { norm_quant, activate_quant }

pass stores when tokens <= most_tokens { twice_store }
