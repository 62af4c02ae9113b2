# The replacement stands where its inputs are computed and nothing it passes on the way writes them.
import lang (double)

op sum_up(x: T[*B, H], late: T[*B, H]) -> (y: T[*B, H])
  = lang::combine

op all(x: T[*B, H], late: T[*B, H]) -> (y: T[*B, H])
  = lang::twice_combine

pattern all {
  d = double(x)
  y = sum_up(d, late)
=>
  y = all(x, late)
}
