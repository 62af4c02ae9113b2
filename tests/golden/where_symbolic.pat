# A dim that is not known decides only what holds for every value of it.
import lang (double, increment, both)

pattern multiple {
  double -> increment => both
  where H % 16 == 0
}

pass of_a_size { multiple }

pattern always {
  double -> increment => both
  where H >= 0
}

pass of_any_size { always }
