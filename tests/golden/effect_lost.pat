# An effect that the right side does not have is not dropped.
import effect (double, store)

op store_nowhere(x: T[*B], layer: str) -> (dep: T[0])
  = lang::store_twice

pattern lose { double -> store => store_nowhere }
