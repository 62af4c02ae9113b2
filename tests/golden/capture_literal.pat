# A literal matches itself, a set one of its members, `_` anything.
import lang (double, affine, affine_twice)

pattern literal { affine(scale=3.0) -> double => affine_twice }

pass literals { literal }

pattern one_of { affine(scale=s in {2.0, 4.0}, mode=_) -> double => affine_twice(scale=s) }

pass sets { one_of }
