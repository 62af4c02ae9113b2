# Strings reach the module as literals.
op affine(x: T[*B], shift: T[*B]?, scale: float = 1.0, relu: bool = false, mode: str = "plain") -> (y: T[*B])
  = lang::affine

op double(x: T[*B]) -> (y: T[*B])
  = lang::twice

op affine_twice(x: T[*B], shift: T[*B]?, scale: float) -> (y: T[*B])
  = lang::affine_twice

pattern quoted { affine(mode="a \"b\" 'c' \\ \n é \u0041") -> double => affine_twice }
