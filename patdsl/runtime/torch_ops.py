"""Torch ops by their names.

In: `ns::op.overload` as bindings write it. Out: the op as registered in this process, or None. Imports nothing that
would register one: what the process has not loaded does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from patdsl.runtime.torch_api import OpOverload

_found: dict[str, OpOverload] = {}


def find_op(target: str) -> OpOverload | None:
    """The overload `ns::op.overload` (overload `default` unless written), or None. A later registration is seen."""
    op = _found.get(target)
    if op is None:
        namespace, _, rest = target.partition("::")
        name, _, overload = rest.partition(".")
        packet = getattr(getattr(torch.ops, namespace), name, None)
        op = getattr(packet, overload or "default", None)
        if op is not None:
            _found[target] = op
    return op


def exists(target: str) -> bool:
    """Whether the op is registered in this process."""
    return find_op(target) is not None


def forget(target: str) -> None:
    """Look the op up anew: it was registered in a scope that has ended."""
    _found.pop(target, None)
