"""No cyclic garbage collection while much is made that stays.

A collection walks every object of the process, which takes tens of milliseconds with torch loaded. Python begins one
after so many new objects, and among those of a parse or a pass it finds nothing to free.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def collections_paused(resume: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Within the block none begins. Where one could before, one can after it, if `resume` agrees.

    Of threads that pause at once, one may end the pause of another early, which costs time alone.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled and resume():
            gc.enable()
