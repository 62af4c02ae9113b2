"""Example inputs for a pattern: one for each input, with sizes that are all different.

In: a pattern and the declared ops. Out: `Example` values. Sizes are distinct, larger than any rank or default, and
multiples of what divisions in the declarations need, so that no accidental equality can specialise what is registered
with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, cycle
from math import isqrt, prod
from typing import Any

from patdsl.dtypes import Dtype, is_dtype
from patdsl.expr import Lit
from patdsl.graph import Example, Pattern
from patdsl.left_types import Case, LeftError, LeftTypes, Opaque
from patdsl.match.found import TensorMeta
from patdsl.op_table import OneOf, Op, Step
from patdsl.symbolic import Poly

EPSILONS = (1e-6, 3e-6, 7e-6, 9e-6)
OTHERS = {"bool": False, "str": "example", "tensor": None, "": None}


def example_inputs(
    pattern: Pattern, ops: Mapping[str, Op], constants: Mapping[str, Any]
) -> tuple[Example, ...]:
    """One example for each input of the pattern, in order. Nothing for a left side that no graph has."""
    left = LeftTypes(pattern, ops, constants, Case(2, "same"))
    try:
        left.run()
    except LeftError:
        return ()
    options = {
        operand.name: operand.options[0]
        for step in pattern.left.steps
        if isinstance(step, Step)
        for _, operand in step.operands
        if isinstance(operand, OneOf)
    }
    sizes = _Sizes()
    found = []
    floats = cycle(EPSILONS)
    for item in pattern.inputs:
        meta = left.types.get(item.name)
        if meta is not None:
            found.append(_tensor(item.name, meta, sizes))
            continue
        value = left.names.get(item.name)
        chosen = options.get(item.name)
        found.append(
            Example(
                item.name, value=chosen.value if isinstance(chosen, Lit) else _scalar(value, floats, sizes)
            )
        )
    return tuple(found)


def _primes() -> Iterator[int]:
    """Primes from 11 on.

    Dims get them in the order met, times 256, so that exact divisions by group sizes come out and none repeat.
    """
    return (
        number for number in count(11) if all(number % divisor for divisor in range(2, isqrt(number) + 1))
    )


class _Sizes:
    """A size for each variable, the same wherever it occurs."""

    def __init__(self) -> None:
        self._primes = _primes()
        self.of: dict[str, int] = {}

    def value(self, dim: Any) -> int:
        """A dim at these sizes."""
        if isinstance(dim, int):
            return dim
        assert isinstance(dim, Poly)
        total = sum(
            coefficient
            * prod(self._size(name) ** max(power, 0) for name, power in monomial)
            / prod(self._size(name) ** max(-power, 0) for name, power in monomial)
            for monomial, coefficient in dim.terms.items()
        )
        return int(total)

    def _size(self, name: str) -> int:
        if name not in self.of:
            small = name[:1].islower()
            self.of[name] = 128 if name in ("group_size", "g") else next(self._primes) * (1 if small else 256)
        return self.of[name]


def _tensor(name: str, meta: TensorMeta, sizes: _Sizes) -> Example:
    last = len(meta.dims) - 1
    dims = []
    for index, dim in enumerate(meta.dims):
        if index < last and isinstance(dim, Poly) and _is_leading(dim):
            dims.append(sizes.of.setdefault(str(dim), next(sizes._primes)))
        else:
            dims.append(sizes.value(dim))
    dtype = meta.dtype if is_dtype(meta.dtype.name) else Dtype("bf16")
    return Example(name, tuple(dims), dtype)


def _is_leading(dim: Poly) -> bool:
    """A plain variable: a batch dim, which needs no divisibility."""
    return len(dim.terms) == 1 and len(next(iter(dim.terms))) == 1


def _scalar(value: Any, floats: Iterator[float], sizes: _Sizes) -> Any:
    if isinstance(value, Opaque):
        return next(floats) if value.kind == "float" else OTHERS[value.kind]
    if isinstance(value, Dtype):
        return Dtype("fp8")
    return sizes.value(value) if isinstance(value, Poly) else value
