"""Types: rule 5, for the declarations that the generator writes.

In: a pattern, names bound to values, the declared ops. Out: `fits`, whether typed inputs have their types; `holds`,
whether the conditions hold; `RightTypes`, the shape of every right value, or that an op does not take what it is
given. Dims are (multiple of the leading size, ...), which tells apart what a symbol tells apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from oracle_graph import SHAPES
from oracle_values import Value

from patdsl.expr import Ref, Scope, Star, evaluate
from patdsl.graph import Pattern
from patdsl.op_table import Tensor

Dims = tuple[Any, ...]


def dims_of(shape: str) -> Dims:
    """Leading dim as a multiple of the leading size, then the plain ones."""
    tail = SHAPES[shape]
    return (("S", 24 // prod(tail)), *tail)


def unify(declared: Tensor, dims: Dims, bound: dict[str, Any]) -> bool:
    """The dims are as declared; names that were bound before must agree."""
    wanted = list(declared.dims)
    first = wanted[0]
    if isinstance(first, Star):
        tail = len(wanted) - 1
        if len(dims) < tail:
            return False
        lead, dims = dims[: len(dims) - tail], dims[len(dims) - tail :]
        wanted.pop(0)
        if bound.setdefault(f"*{first.name}", lead) != lead:
            return False
    if len(wanted) != len(dims):
        return False
    for one, dim in zip(wanted, dims, strict=True):
        assert isinstance(one, Ref)
        if bound.setdefault(one.name, dim) != dim:
            return False
    return True


def written(declared: Tensor, bound: Mapping[str, Any]) -> Dims:
    """The dims that a declaration makes of bound names."""
    found: list[Any] = []
    for dim in declared.dims:
        assert isinstance(dim, (Ref, Star))
        found += bound[f"*{dim.name}"] if isinstance(dim, Star) else [bound[dim.name]]
    return tuple(found)


def fits(pattern: Pattern, names: Mapping[str, Any]) -> bool:
    bound: dict[str, Any] = {}
    for each in pattern.inputs:
        if isinstance(each.type, Tensor):
            value = names[each.name]
            if not isinstance(value, Value) or not unify(each.type, dims_of(value.shape), bound):
                return False
    return True


def holds(pattern: Pattern, names: Mapping[str, Any]) -> bool:
    """Conditions over captured numbers and ranks."""

    def ask(question: str, value: Any, *more: Any) -> Any:
        assert question == "rank"
        assert isinstance(value, Value)
        return len(dims_of(value.shape))

    return all(evaluate(condition, Scope(names, ask)) is True for condition in pattern.where)


def flattened(declared: Tensor, dims: Dims) -> Dims:
    """Leading dims merged until there are as many as declared. They are merged, never added."""
    extra = len(dims) - len(declared.dims)
    if isinstance(declared.dims[0], Star) or extra <= 0:
        return dims
    (_, lead), *merged = dims[: extra + 1]
    return (("S", lead * prod(merged)), *dims[extra + 1 :])


def size(dims: Dims) -> int:
    (_, lead), *tail = dims
    return int(lead * prod(tail))


def may_replace(old: Dims, new: Dims, view: bool) -> bool:
    """A replaced value keeps its shape; where a view may stand behind it, the last dim and the elements."""
    return old == new or (view and old[-1] == new[-1] and size(old) == size(new))
