"""Inductor's code for one size.

In: a work. Out: a function of the work's arguments, compiled for their sizes at its first call, from the caches on disk
where they have it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from families import Work


def compiled(work: Work) -> Callable[..., Any]:
    """Forgets what was compiled before: each size is code of its own, and torch keeps only a few for a function."""
    import torch._inductor.config as config

    config.compile_threads = 1  # several processes compile already, and none while times are taken
    torch._dynamo.reset()
    function: Callable[..., Any] = torch.compile(work.unfused(), dynamic=False)
    return function
