# In a block the views of an edge stand in the argument.
import lang (double, increment, both)

pattern maybe(x: T[*B, H]) {
  d = double(x)
  y = increment(view?(d))
=>
  y = both(x)
}

pattern demanded(x: T[*B, H]) {
  d = neg(x)
  y = increment(view(d))
=>
  y = increment(neg(x))
}
