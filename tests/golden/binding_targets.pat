# `on` says where the right side may call a binding; on the left each that exists matches.
op double(x: T[*B]) -> (y: T[*B])
  = lang::twice  on gfx942

op increment(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op both(x: T[*B]) -> (y: T[*B])
  = lang::twice_plus_one  on gfx942, gfx950
  | lang::twice_plus_one_fast  on sm_90+

pattern both { double -> increment => both }
