"""Example inputs for a pattern: one for each input, with sizes that are all different.

In: a pattern and the declared ops. Out: `Example` values. Sizes are distinct, larger than any rank or default, and
multiples of what divisions in the declarations need, so that no accidental equality can specialise what is registered
with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import count, cycle
from math import isqrt
from typing import Any

from patdsl.compiler.left_types import Opaque
from patdsl.compiler.prove import possible_left
from patdsl.compiler.symbolic import Facts, Made, Poly
from patdsl.dtypes import Dtype, is_dtype
from patdsl.expr import Lit
from patdsl.graph import Example, Pattern
from patdsl.op_table import OneOf, Op, Step

#: Every size that is open is larger than this: than any rank or default.
LEAST = 8
#: No size of its own is larger.
LARGEST = 2**40
#: Sizes are enlarged this often before what cannot be made whole is left as it is.
MOST_STEPS = 64
EPSILONS = (1e-6, 3e-6, 7e-6, 9e-6)
OTHERS = {"bool": False, "str": "example", "opaque": "example", "tensor": None, "": None}


def example_inputs(
    pattern: Pattern, ops: Mapping[str, Op], constants: Mapping[str, Any]
) -> tuple[Example, ...]:
    """One example for each input of the pattern, in order. Nothing for a pattern that can never fire."""
    left = possible_left(pattern, ops, constants)
    if left is None:
        return ()
    options = {
        operand.name: operand.options[0]
        for step in pattern.left.steps
        if isinstance(step, Step)
        for _, operand in step.operands
        if isinstance(operand, OneOf)
    }
    sizes = _Sizes(left.facts)
    for item in pattern.inputs:
        meta = left.types.get(item.name)
        for index, dim in enumerate(meta.dims if meta is not None else ()):
            sizes.add(dim, is_last=index == len(meta.dims) - 1 if meta is not None else True)
    for meta in left.types.values():
        for dim in meta.dims if meta is not None else ():
            sizes.demand(dim)
    sizes.settle()
    found = []
    floats = cycle(EPSILONS)
    for item in pattern.inputs:
        meta = left.types.get(item.name)
        if meta is not None:
            dims = tuple(sizes.value(dim) for dim in meta.dims)
            found.append(Example(item.name, dims, _dtype(meta.dtype, left.facts)))
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
    """A size for each variable, the same wherever it occurs: every dim is whole, and those of inputs exceed `LEAST`."""

    def __init__(self, facts: Facts) -> None:
        self._primes = _primes()
        self._facts = facts
        self.of: dict[str, int] = {}
        self._dims: dict[str, Poly] = {}
        self._others: dict[str, Poly] = {}

    def add(self, dim: Any, is_last: bool) -> None:
        """A dim of an input. Leading ones need no divisibility."""
        if not isinstance(dim, Poly):
            return
        dim = self._facts.reduced(dim)
        name = _variable(dim)
        if name is not None and not is_last:
            self.of.setdefault(name, next(self._primes))
        self._at(dim)
        self._dims.setdefault(str(dim), dim)

    def demand(self, dim: Any) -> None:
        """A dim of a value in the pattern, such as that of a view: it has to be whole, if it is a plain quotient."""
        if not isinstance(dim, Poly):
            return
        dim = self._facts.reduced(dim)
        if not any(isinstance(name, Made) for monomial in dim.terms for name, _ in monomial):
            self._others.setdefault(str(dim), dim)

    def settle(self) -> None:
        """Enlarge variables until every dim is whole, and those of inputs large."""
        for _ in range(MOST_STEPS):
            if not (self._settle_one(self._dims, LEAST) or self._settle_one(self._others, 0)):
                return

    def _settle_one(self, dims: Mapping[str, Poly], least: int) -> bool:
        """Enlarges a variable of the first dim that needs it and where that can be; whether there was one."""
        for dim in dims.values():
            size = self._at(dim)
            lacks = dim.constant is None and (size.denominator != 1 or size <= least)
            if lacks and self._enlarge(dim, size.denominator if size.denominator != 1 else 3):
                return True
        return False

    def _enlarge(self, dim: Poly, factor: int) -> bool:
        """A variable that the dim grows with, and by which nothing in it is divided; False where there is none, or it
        would grow past any size."""
        divisors = _divisors((dim,))
        growing = [
            name
            for monomial, coefficient in dim.terms.items()
            for name, power in monomial
            if power > 0 and coefficient > 0 and name not in divisors and not isinstance(name, Made)
        ]
        # One that divides elsewhere would spoil what is whole there: such variables come last.
        everywhere = _divisors((*self._dims.values(), *self._others.values()))
        growing.sort(key=lambda name: name in everywhere)
        if not growing or self.of[growing[0]] * factor > LARGEST:
            return False
        self.of[growing[0]] *= factor
        return True

    def value(self, dim: Any) -> int:
        """A dim at these sizes."""
        return int(self._at(self._facts.reduced(dim))) if isinstance(dim, Poly) else int(dim)

    def _at(self, dim: Poly) -> Fraction:
        total = Fraction(0)
        for monomial, coefficient in dim.terms.items():
            for name, power in monomial:
                coefficient *= self._size(name) ** power
            total += coefficient
        return total

    def _size(self, name: str) -> Fraction:
        if isinstance(name, Made):
            return name.at(self._at)
        if name not in self.of:
            small = name[:1].islower()
            self.of[name] = 128 if name in ("group_size", "g") else next(self._primes) * (1 if small else 256)
        return Fraction(self.of[name])


def _divisors(dims: Iterable[Poly]) -> set[str | Made]:
    """The variables that something in a dim is divided by."""
    return {name for dim in dims for monomial in dim.terms for name, power in monomial if power < 0}


def _variable(dim: Poly) -> str | None:
    """The name of a dim that is a variable and nothing else."""
    if list(dim.terms.values()) != [1]:
        return None
    (monomial,) = dim.terms
    is_plain = len(monomial) == 1 and monomial[0][1] == 1 and not isinstance(monomial[0][0], Made)
    return monomial[0][0] if is_plain else None


def _dtype(dtype: Dtype, facts: Facts) -> Dtype:
    """What is known of a dtype, or bf16."""
    known = dtype.resolved
    return known if is_dtype(known.name) else facts.options.get(known.name, (Dtype("bf16"),))[0]


def _scalar(value: Any, floats: Iterator[float], sizes: _Sizes) -> Any:
    if isinstance(value, Opaque):
        return next(floats) if value.kind == "float" else OTHERS[value.kind]
    if isinstance(value, Dtype):
        return value.resolved if is_dtype(value.resolved.name) else Dtype("fp8")
    return sizes.value(value) if isinstance(value, Poly) else value
