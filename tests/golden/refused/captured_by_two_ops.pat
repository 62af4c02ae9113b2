op quant(x: T[*B, H], group_size: int) -> (q: fp8[*B, H])
  = lang::quant

op requant(x: fp8[*B, H], group_size: int) -> (q: fp8[*B, H])
  = lang::requant

op quant_requant(x: T[*B, H], group_size: int) -> (q: fp8[*B, H])
  = lang::quant_requant

pattern twice { quant -> requant => quant_requant }
