"""Patterns that test themselves: models made from a pattern's left side, run with and without its pass."""
