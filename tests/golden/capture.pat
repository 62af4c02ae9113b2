# A free name matches any value, none included, and is passed on.
import lang (double, affine, affine_twice)

op total(x: T[*B], sizes: int[]) -> (y: T[*B])
  = lang::total

op total_twice(x: T[*B], sizes: int[]) -> (y: T[*B])
  = lang::total_twice

pattern scalar { affine -> double => affine_twice }

pattern lists { total -> double => total_twice }
