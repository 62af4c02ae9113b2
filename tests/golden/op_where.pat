# What a kernel cannot do, said once: every pattern that calls it on the right inherits the guards.
op double(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice

op scale_by(x: T[*B, H], s: T[*S]) -> (y: T[*B, H])
  = lang::mul

op scale_twice(x: T[*B, H], s: T[*S]) -> (y: T[*B, H])
  = lang::mul_twice
  where H % 16 == 0 and H in {32, 64, 128}
  where numel(s) == 1
  where contiguous(x)

pattern scale_twice { double -> scale_by => scale_twice }
