# Native code: matched op by op, never called; each of its ops must go.
op double_sum(x: T[*B], other: T[*B]) -> (y: T[*B])
  = {
      s = add(x, other)
      y = add(s, s)
    }

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op all(x: T[*B], other: T[*B]) -> (y: T[*B])
  = lang::twice_sum_plus_one

pattern all(other: T[*B]) { double_sum -> increment => all }
