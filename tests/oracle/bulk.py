"""How long a bulk run goes on.

In: how many cases, for how many seconds. Out: their numbers, one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator


def numbers(cases: int, seconds: float, tell: Callable[[float], None]) -> Iterator[int]:
    """0 to `cases`, until the time is up. `tell` is given the seconds so far, once a minute."""
    start = told = time.monotonic()
    for number in range(cases):
        yield number
        now = time.monotonic()
        if now - told > 60:
            told = now
            tell(now - start)
        if now - start > seconds:
            break
