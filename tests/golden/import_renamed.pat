# Names that are taken from a file, two of them under other names; what is not listed is not seen.
import lang (double as times_two, increment, both as fused)

# A name of its own, though `lang` has one like it.
op double(x: T[*B, H]) -> (y: T[*B, H])
  = lang::plus_one

pattern renamed { times_two -> increment => fused }

pattern own { double -> times_two => fused_other }

op fused_other(x: T[*B, H]) -> (y: T[*B, H])
  = lang::plus_one_twice
