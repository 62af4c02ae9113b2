"""Calls of aten ops in one form, whichever of their equal spellings a graph has.

In: a `Call` and the dims of its first operand. Out: the same call with dim indices that compare modulo the
rank, slices with start and end within the dim, and an even split by its sizes. Ops not listed stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from patdsl.match.protocol import Argument, Call

#: Argument names that are dim indices, and how many more dims than the operand the index counts in.
DIM_ARGUMENTS = {"dim": 0, "dims": 0}
NEW_DIM = frozenset({"aten::unsqueeze.default"})
#: Where a graph has one number and the canonical form a list.
BECOMES_LIST = frozenset({("aten::split.Tensor", "split_size")})
NOT_INDICES = frozenset({"aten::expand.default"})


class DimIndex(int):
    """An index of a dim. 1 and -1 are the same of two dims; kept as the negative one."""

    rank: int

    def __new__(cls, index: int, rank: int) -> DimIndex:
        made = super().__new__(cls, index - rank if index >= 0 else index)
        made.rank = rank
        return made

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, int)
            and not isinstance(other, bool)
            and (int(self) - int(other)) % self.rank == 0
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return super().__hash__()


def canonical(call: Call, dims: tuple[Any, ...] | None, known: Callable[[Any], Any]) -> Call:
    """`dims` are those of the first operand, None where they are not known; then nothing is changed."""
    if not dims or not call.target.startswith(("aten::", "prims::")) or call.target in NOT_INDICES:
        return call
    rank = len(dims) + (call.target in NEW_DIM)
    arguments = tuple(
        attrs.evolve(argument, value=_index(argument.value, rank))
        if argument.name in DIM_ARGUMENTS
        else argument
        for argument in call.arguments
    )
    if call.target == "aten::slice.Tensor":
        arguments = _slice(arguments, dims, known)
    elif call.target == "aten::split.Tensor":
        arguments = _even_split(arguments, dims)
    return attrs.evolve(call, arguments=arguments)


def _index(value: Any, rank: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_index(item, rank) for item in value)
    if isinstance(value, int) and not isinstance(value, bool) and -rank <= value < rank:
        return DimIndex(value, rank)
    return value


def _dim_size(arguments: tuple[Argument, ...], dims: tuple[Any, ...]) -> Any:
    dim = next((argument.value for argument in arguments if argument.name == "dim"), None)
    return dims[int(dim)] if isinstance(dim, DimIndex) else None


def _slice(
    arguments: tuple[Argument, ...], dims: tuple[Any, ...], known: Callable[[Any], Any]
) -> tuple[Argument, ...]:
    size = _dim_size(arguments, dims)
    if size is None:
        return arguments

    def bound(name: str, value: Any) -> Any:
        if value is None:
            return size if name == "end" else 0
        # The largest index stands for "to the end" also of a dim that is not known.
        if (isinstance(value, int) and value == 2**63 - 1) or known(value >= size) is True:
            return size
        if isinstance(value, int) and value < 0:
            return 0 if known(size + value <= 0) is True else size + value
        return value

    bounds = {
        argument.name: bound(argument.name, argument.value)
        for argument in arguments
        if argument.name in ("start", "end")
    }
    if known(bounds["end"] < bounds["start"]) is True:
        bounds["end"] = bounds["start"]
    return tuple(attrs.evolve(each, value=bounds.get(each.name, each.value)) for each in arguments)


def _even_split(arguments: tuple[Argument, ...], dims: tuple[Any, ...]) -> tuple[Argument, ...]:
    """`split(x, 20)` of 50 as sizes 20, 20, 10."""
    size = _dim_size(arguments, dims)
    part = next((argument.value for argument in arguments if argument.name == "split_size"), None)
    if type(size) is not int or type(part) is not int or part <= 0 or size // part > 1024:
        return arguments
    sizes = (part,) * (size // part) + ((size % part,) if size % part or size == 0 else ())
    return tuple(
        attrs.evolve(argument, value=sizes) if argument.name == "split_size" else argument
        for argument in arguments
    )
