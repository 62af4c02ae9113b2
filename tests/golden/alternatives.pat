import lang (double, increment, both)

op increase(x: T[*B, H]) -> (y: T[*B, H])
  = lang::increase.by(x, 1.0)

pattern alternatives { double -> (increment | increase) => both }
