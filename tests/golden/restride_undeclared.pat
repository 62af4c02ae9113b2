# Without `restride` a value keeps its strides.
import lang (double)

op turned(x: T[M, H]) -> (y: T[M, H])
  = lang::plus_one_columns

op double_turned(x: T[M, H]) -> (y: T[M, H])
  = lang::twice_plus_one

pattern strict { double -> turned => double_turned }
