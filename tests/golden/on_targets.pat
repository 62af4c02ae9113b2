import lang (double, increment, both)

pattern there {
  double -> increment => both
  on gfx950, sm_90+
}
