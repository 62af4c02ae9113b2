# `restride`: this value may have other strides afterwards.
import lang (double)

op turned(x: T[M, H]) -> (y: T[M, H])
  = lang::plus_one_columns

op double_turned(x: T[M, H]) -> (y: T[M, H])
  = lang::twice_plus_one

pattern loose {
  double -> turned => double_turned
  restride y
}
