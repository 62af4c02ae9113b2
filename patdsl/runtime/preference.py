"""Whose kernels a right side calls first.

In: `PATDSL_PREFER` or `use_preference`: beginnings of torch op names, as `vllm::rocm_aiter`, `_C`, `patdsl`. Out: the
bindings of an op in that order; those that nothing names stay behind them, in the order of their declaration.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import attrs

from patdsl.op_table import Op, TorchCall

ENVIRONMENT = "PATDSL_PREFER"

_override: ContextVar[tuple[str, ...] | None] = ContextVar("patdsl_preference", default=None)


def current_preference() -> tuple[str, ...]:
    """The innermost `use_preference`, else `PATDSL_PREFER` (separated by commas), else none."""
    chosen = _override.get()
    if chosen is not None:
        return chosen
    return tuple(part.strip() for part in os.environ.get(ENVIRONMENT, "").split(",") if part.strip())


@contextmanager
def use_preference(*beginnings: str) -> Iterator[None]:
    """Passes made within the block prefer bindings whose torch op begins so, the first named first."""
    token = _override.set(tuple(beginnings))
    try:
        yield
    finally:
        _override.reset(token)


def preferred(op: Op, beginnings: Sequence[str]) -> Op:
    """The op with its bindings in the preferred order."""
    if not beginnings or len(op.bindings) < 2:
        return op

    def rank(binding: object) -> int:
        target = binding.target if isinstance(binding, TorchCall) else ""
        return next((at for at, start in enumerate(beginnings) if target.startswith(start)), len(beginnings))

    return attrs.evolve(op, bindings=tuple(sorted(op.bindings, key=rank)))
