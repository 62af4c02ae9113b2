# Names that would collide in a module: an op called like a pass, and words of Python.
op both_pass(x: T[*B]) -> (y: T[*B])
  = lang::twice

op lambda(x: T[*B]) -> (y: T[*B])
  = lang::plus_one

op load(x: T[*B]) -> (y: T[*B])
  = lang::twice_plus_one

pattern class { both_pass -> lambda => load }

pass both { class }

pattern Class { lambda -> both_pass => load }

pass other when false { Class }
