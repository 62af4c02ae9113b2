"""Declarations as one target reads them: `fp8` replaced by the target's own format.

In: an op or a pattern and a target's name. Out: the same with every `fp8` of its types and expressions resolved.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import attrs

from patdsl.dtypes import FP8, Dtype, resolve


@attrs.frozen(eq=False)
class _ByIdentity:
    """Equal for one and the same declaration, which is far cheaper than comparing declarations."""

    declared: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.declared is other.declared

    def __hash__(self) -> int:
        return id(self.declared)


def resolve_all(declared: Any, target: str) -> Any:
    """An op or a pattern, unchanged where it names no `fp8`. The answer is kept."""
    return _kept(_ByIdentity(declared), target)


@lru_cache(maxsize=4096)
def _kept(declared: _ByIdentity, target: str) -> Any:
    return _resolve(declared.declared, target)


def _resolve(declared: Any, target: str) -> Any:
    """Any declaration value (op, pattern, type, expression, tuple of them), unchanged where it names no `fp8`."""
    if isinstance(declared, Dtype):
        return resolve(declared, target) if declared.name == FP8 else declared
    if isinstance(declared, tuple):
        items = [_resolve(item, target) for item in declared]
        changed = any(new is not old for new, old in zip(items, declared, strict=True))
        return tuple(items) if changed else declared
    if not attrs.has(type(declared)):
        return declared
    changes = {}
    for field in attrs.fields(type(declared)):
        old = getattr(declared, field.name)
        new = _resolve(old, target)
        if new is not old:
            changes[field.alias] = new
    return attrs.evolve(declared, **changes) if changes else declared
