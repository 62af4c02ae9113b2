# Both match the same ops; `prefer` says which one counts.
import lang (double, increment, both)

op fast(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice_plus_one_fast

pattern slower { double -> increment => both }

pattern faster {
  double -> increment => fast
  prefer faster over slower
}
