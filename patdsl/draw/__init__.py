"""`patdsl show --html` and `--svg`: patterns and graphs as pictures."""
