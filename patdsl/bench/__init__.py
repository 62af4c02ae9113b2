"""`patdsl bench`: the time of both sides of a pattern on a device."""
