# The right side holds the left side again: each place is rewritten once.
import lang (double, increment)

pattern swapped {
  y = increment(double(x))
=>
  y = increment(double(x))
}
