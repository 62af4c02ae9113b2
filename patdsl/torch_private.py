"""Looking up torch's private interfaces, and the few that need no Inductor.

In: torch as installed. Out: `need` and `may`, by which every private name is found; what the ops, the kernels and
`check --torch` ask of torch's C side. `runtime/torch_api.py` holds the rest: it imports Inductor, which takes a second
or two that these need not wait for.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import torch


class TorchVersionError(ImportError):
    """The installed torch lacks an interface that is not to be done without."""


def lacking(what: str, reason: object = None) -> TorchVersionError:
    """The error for an interface that this torch does not have."""
    why = f" ({reason})" if reason is not None else ""
    return TorchVersionError(
        f"patdsl needs {what}, which torch {torch.__version__} does not have{why}. "
        "patdsl is tested with torch 2.13; use that version, or a release of patdsl that names yours."
    )


def need(module: str, name: str) -> Any:
    """`module.name`, or TorchVersionError saying which torch lacks it."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise lacking(f"{module}.{name}", error) from None


def may(module: str, name: str, otherwise: Any = None) -> Any:
    """`module.name`, or `otherwise` where this torch has none and nothing is lost by it."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return otherwise


def schema_of(op: Any) -> Any:
    """The schema of an op's overload."""
    return op._schema


def has_own_kernel(op: str, key: str) -> bool:
    """Whether `namespace::op` has an implementation for exactly this dispatch key."""
    return bool(need("torch._C", "_dispatch_has_kernel_for_dispatch_key")(op, key))


@functools.cache
def stream_getter() -> Callable[[int], int]:
    """The function that gives the current stream of a GPU by its index, as the runtime's number for it."""
    getter: Callable[[int], int] = need("torch._C", "_cuda_getCurrentRawStream")
    return getter


def spin(cycles: int) -> None:
    """Keeps the current GPU busy for so many of its clock cycles."""
    need("torch.cuda", "_sleep")(cycles)
