"""How many tokens a graph is compiled for, as far as that is known: what `tokens` is in the `when` of a pass.

A comparison with a number is True where it holds for every count in the range, False where for none, and None, which
decides nothing, where for some.
"""

from __future__ import annotations

import attrs


@attrs.frozen(order=False)
class TokenRange:
    """From `low` to `high`, both included."""

    low: int
    high: int

    def __le__(self, limit: float) -> bool | None:
        return _agreed(self.low <= limit, self.high <= limit)

    def __lt__(self, limit: float) -> bool | None:
        return _agreed(self.low < limit, self.high < limit)

    def __ge__(self, limit: float) -> bool | None:
        return _agreed(self.low >= limit, self.high >= limit)

    def __gt__(self, limit: float) -> bool | None:
        return _agreed(self.low > limit, self.high > limit)

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


def _agreed(one: bool, other: bool) -> bool | None:
    return one if one is other else None
