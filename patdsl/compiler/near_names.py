"""The known name that an unknown one was meant to be.

In: a name and the names known where it stands. Out: `did you mean ...?`, or nothing. Looks closely only at the few
names that share most letters, so that a file of wrong names takes no longer than one of right names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache

#: So many names are looked at closely.
MOST_NEAR = 16
LIKENESS = 0.6


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """`did you mean x?`, or None where nothing is near."""
    near = difflib.get_close_matches(name, _alike(name, known), n=1, cutoff=LIKENESS)
    return f"did you mean `{near[0]}`?" if near else None


def _alike(name: str, known: Iterable[str]) -> list[str]:
    """The names that share most letters with this one, most first."""
    letters, size = _letters(name), len(name)
    most_apart = max(2, letters.bit_count() // 2 + 1)
    found = []
    for index, other in enumerate(known):
        apart = (letters ^ _letters(other)).bit_count()
        if apart <= most_apart:
            found.append((apart, abs(len(other) - size), index, other))
    return [other for *_, other in sorted(found)[:MOST_NEAR]]


@lru_cache(maxsize=1 << 15)
def _letters(name: str) -> int:
    """One bit for each letter that occurs, capitals as small ones."""
    found = 0
    for char in name[:64].lower():
        found |= 1 << (ord(char) & 63)
    return found
