# Any graph; `both_c` on the right is a temporary, `b` and `c` the values that are replaced.
import lang (double, increment, both, combine)

pattern dag(x: T[*B]) {
  a = double(x)
  b = increment(a)
  c = combine(a, b)
=>
  both_c = both(x)
  b, c   = lang_dag(x, both_c)
}

op lang_dag(x: T[*B], both: T[*B]) -> (b: T[*B], c: T[*B])
  = lang::dag
