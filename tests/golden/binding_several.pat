# On the left each spelling matches; on the right the first that is there is called.
op double(x: T[*B]) -> (y: T[*B])
  = lang::missing_twice
  | lang::twice
  | aten::add.Tensor(x, x)

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one
  | aten::add.Scalar(x, 1)

op both(x: T[*B]) -> (y: T[*B])
  = lang::missing_twice_plus_one
  | lang::twice_plus_one
  | lang::matrix_twice_plus_one

pattern both { double -> increment => both }
