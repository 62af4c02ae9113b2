"""Whether a condition on sizes holds, as far as torch knows without running anything.

In: a plain or symbolic bool. Out: True, False or UNKNOWN. Adds no guard.
"""

from __future__ import annotations

from typing import Any

import torch

from patdsl.expr import UNKNOWN
from patdsl.torch_private import need

statically_known_true: Any = need("torch.fx.experimental.symbolic_shapes", "statically_known_true")


def known(condition: Any) -> Any:
    """A plain or symbolic bool as True or False where that is statically known, else UNKNOWN: for `Context.known`."""
    if isinstance(condition, bool):
        return condition
    if not isinstance(condition, torch.SymBool):
        return UNKNOWN
    if statically_known_true(condition):
        return True
    return False if statically_known_true(torch.sym_not(condition)) else UNKNOWN  # type: ignore[no-untyped-call]
