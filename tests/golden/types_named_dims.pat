# A dim of one name is one size: the weight has as many elements as a row.
op scaled(x: T[M, H], weight: T[H]) -> (y: T[M, H])
  = aten::mul.Tensor

op double(x: T[M, H]) -> (y: T[M, H])
  = lang::twice

op scaled_twice(x: T[M, H], weight: T[H]) -> (y: T[M, H])
  = lang::mul_twice

pattern scaled_twice { scaled -> double => scaled_twice }
