import lang (double, increment, both)

pattern nested {
  y = increment(double(increment(double(x))))
=>
  y = both(both(x))
}
