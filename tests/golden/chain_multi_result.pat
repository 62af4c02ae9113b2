# The arrow takes the first result of an op that has several.
import lang (increment, spread)

op spread_plus_one(x: T[*B, H]) -> (y: T[*B, H], high: T[*B, H])
  = lang::spread_plus_one

pattern spread_plus_one { spread -> increment => spread_plus_one }
