# Not written: passed on where the right side takes the name (`scale`), else at its default (`relu`, `mode`).
import lang (double, affine, affine_twice)

pattern unwritten { affine -> double => affine_twice }
