# `?`: the value may be none. A default is passed by leaving the parameter out, or by writing its value.
op affine(x: T[*B], shift: T[*B]?, scale: float = 1.0, relu: bool = false, mode: str = "plain") -> (y: T[*B])
  = lang::affine

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op affine_twice(x: T[*B], shift: T[*B]?, scale: float) -> (y: T[*B])
  = lang::affine_twice

pattern affine_twice { affine -> double => affine_twice }
