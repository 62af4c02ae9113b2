# `double` and `increment` both make a `y`: in a chain the name means the last one.
import lang (double, increment, both)

pattern last {
  double -> view -> increment => both
  where rank(y) == 3
}
