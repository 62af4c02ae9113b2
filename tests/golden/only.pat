# After the rewrite `k` holds something else: only the op that knows may see it.
import lang (double)

op rotate(x: T[*B, H]) -> (k: T[*B, H])
  = lang::plus_one

op rotate_unscaled(x: T[*B, H]) -> (k: T[*B, H])
  = lang::twice_plus_one

op attend(query: T[*B, H], key: T[*B, H]) -> (o: T[*B, H])
  = lang::combine

pattern rotate(x: T[*B, H]) {
  d = double(x)
  k = rotate(d)
=>
  k = rotate_unscaled(x)
  only k -> attend.key
}
