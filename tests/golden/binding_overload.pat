op increment(x: T[*B], amount: float) -> (y: T[*B])
  = lang::increase.by

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op both(x: T[*B], amount: float) -> (y: T[*B])
  = lang::increase.twice_by

pattern both { double -> increment => both }
