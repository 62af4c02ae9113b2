# A dim in front of the variadic ones is the first size of a value.
import lang (increment)

op stretch(x: T[N, *B, H]) -> (y: T[N, *B, H])
  = lang::twice

op both(x: T[N, *B, H]) -> (y: T[N, *B, H])
  = lang::twice_plus_one

pattern named {
  stretch -> increment => both
  where rank(y) == 3 and numel(y) <= 1000 and N == 2
}
