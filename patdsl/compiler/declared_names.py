"""The names that a declaration binds: what its conditions and templates may say."""

from __future__ import annotations

from patdsl.expr import names_in
from patdsl.op_table import DtypeOf, DtypeVar, Param, Result, Tensor, Type


def bound_names(params: tuple[Param, ...], results: tuple[Result, ...]) -> dict[str, None]:
    """Parameters, results, dims and dtype variables of a declaration: what its conditions may name."""
    found: dict[str, None] = {}
    for name, declared in [(each.name, each.type) for each in params] + [
        (each.name, each.type) for each in results
    ]:
        found.setdefault(name)
        for inner in type_names(declared):
            found.setdefault(inner)
    return found


def type_names(declared: Type) -> list[str]:
    """Dims and dtype variables of a type, in order."""
    if not isinstance(declared, Tensor):
        return []
    found = [declared.dtype.name] if isinstance(declared.dtype, DtypeVar) else []
    if isinstance(declared.dtype, DtypeOf):
        found.append(declared.dtype.parameter)
    for dim in declared.dims:
        found.extend(names_in(dim))
    return found
