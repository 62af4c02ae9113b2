# A condition may ask whether a value is there.
import lang (double, affine, affine_twice)

pattern without {
  affine -> double => affine_twice
  where shift == none or rank(shift) == 2
}
