# A file's own tests are part of it.
import lang (double, increment, both)

pattern both { double -> increment => both }

test "twice, then one more" (x: f32[4, 8]) {
  double(x) -> increment
  expect both 1
}
