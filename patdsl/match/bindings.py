"""Names bound while a declaration is fitted to a graph, and what it means that two of them are the same.

In: what stands in the graph (`Value`, scalar, None, tuple). Out: `Names`, one namespace of captures, values,
dims, dtype variables and parameters in front of constants and host values.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from typing import Any

import attrs

from patdsl.dtypes import Dtype
from patdsl.expr import Expr, Items, Scope, Star, names_in
from patdsl.match.context import Context
from patdsl.match.found import Value
from patdsl.op_table import AnyTensor, Anything, Param, Plain, Tensor, Type
from patdsl.unify import fit, unify_dims, unify_type

_UNSOLVED = "cannot solve"


def same(one: Any, other: Any, known: Callable[[Any], Any]) -> bool:
    """Equal values, equal scalars of one type (1 is not True, floats exactly), equal lists."""
    if isinstance(one, Value) or isinstance(other, Value):
        return isinstance(one, Value) and one == other
    if isinstance(one, tuple) or isinstance(other, tuple):
        if not isinstance(one, tuple) or not isinstance(other, tuple) or len(one) != len(other):
            return False
        return all(same(a, b, known) for a, b in zip(one, other, strict=True))
    plain = (type(None), bool, str, float, Dtype)
    if isinstance(one, plain) or isinstance(other, plain):
        return type(one) is type(other) and bool(one == other)
    return known(one == other) is True


@attrs.frozen
class Dims:
    """Declared dims of a view."""

    dims: tuple[Expr | Anything, ...]


@attrs.define
class Names:
    """What is bound so far. Copied where a search branches.

    `later` are conditions that had more than one unknown name when they were met: (expression, what it must equal).
    """

    context: Context
    ask: Callable[..., Any]
    bound: dict[str, Any] = attrs.Factory(dict)
    later: tuple[tuple[Any, Any], ...] = ()

    _scope: Scope | None = None
    _all: ChainMap[str, Any] | None = None

    def copy(self) -> Names:
        return Names(self.context, self.ask, dict(self.bound), self.later)

    @property
    def scope(self) -> Scope:
        if self._scope is None:
            self._scope = Scope(self.all, self.ask, self.context.hosts, self.context.known)
        return self._scope

    @property
    def all(self) -> ChainMap[str, Any]:
        """Bound names before constants and host values; writes go to the bound ones."""
        if self._all is None:
            self._all = ChainMap(self.bound, self.context.names)  # type: ignore[arg-type]
        return self._all

    def bind(self, name: str, value: Any) -> bool:
        """Bind a name, or compare with what it is bound to."""
        if name in self.bound:
            return same(self.bound[name], value, self.context.known)
        self.bound[name] = value
        return True

    def fit(self, expr: Expr, actual: Any) -> str | None:
        """`expr` equals `actual`; put off while it has several unknown names. A reason where it cannot hold."""
        if isinstance(expr, Items) and isinstance(actual, tuple):
            if any(isinstance(item, Star) for item in expr.items):
                return self.fit_dims(Dims(expr.items), actual)
            if len(expr.items) != len(actual):
                return f"a list of {len(actual)}, expected {len(expr.items)}"
            reasons = [self.fit(item, each) for item, each in zip(expr.items, actual, strict=True)]
            return next((reason for reason in reasons if reason is not None), None)
        if sum(name not in self.all for name in names_in(expr)) > 1:
            self.later = (*self.later, (expr, actual))
            return None
        return self._try(lambda: fit(expr, actual, self.all, self.scope), (expr, actual))

    def fit_type(self, declared: Type, actual: Any) -> str | None:
        """What stands in the graph has the declared type. None fits any tensor type: whether it may be none is
        the caller's.
        """
        if isinstance(actual, Value):
            meta = actual.meta
            if meta is None and not isinstance(declared, (Tensor, AnyTensor)):
                return None if is_plain(declared, actual) else f"no constant, declared {declared.kind}"
            if meta is None:
                return None
            return self._try(
                lambda: unify_type(declared, meta.dtype, meta.dims, self.all, self.scope), (declared, actual)
            )
        if isinstance(declared, Plain):
            return None if is_plain(declared, actual) else f"{actual!r}, declared {declared.kind}"
        if isinstance(declared, AnyTensor) and isinstance(actual, (int, float)):
            return None
        return None if actual is None else f"{actual!r}, declared a tensor"

    def fit_dims(self, declared: Dims, dims: tuple[Any, ...]) -> str | None:
        """A list of dims, with at most one `*B`, equals these."""
        return self._try(
            lambda: unify_dims(declared.dims, dims, self.all, self.scope),
            (declared, dims),
        )

    def _try(self, attempt: Callable[[], str | None], condition: tuple[Any, Any]) -> str | None:
        before = dict(self.bound)
        reason = attempt()
        if reason is not None and reason.startswith(_UNSOLVED):
            self.bound.clear()
            self.bound.update(before)
            self.later = (*self.later, condition)
            return None
        return reason

    def settle(self) -> str | None:
        """Decide what was put off. A reason where something does not hold or stays open."""
        while self.later:
            pending, self.later = self.later, ()
            for declared, actual in pending:
                if isinstance(declared, Dims):
                    reason = self.fit_dims(declared, actual)
                elif isinstance(declared, (Tensor, AnyTensor, Plain)):
                    reason = self.fit_type(declared, actual)
                else:
                    reason = self.fit(declared, actual)
                if reason is not None:
                    return reason
            if len(self.later) == len(pending):
                return "dims that nothing determines"
        return None


def is_plain(declared: Plain, actual: Any) -> bool:
    """A scalar or list of the declared kind. Symbolic numbers count as ints."""
    if declared.is_list:
        item = Plain(declared.kind)
        return isinstance(actual, tuple) and all(is_plain(item, each) for each in actual)
    if declared.kind == "tensor":
        return isinstance(actual, Value)
    if declared.kind == "bool":
        return isinstance(actual, bool)
    if declared.kind == "float":
        return isinstance(actual, float)
    if declared.kind == "opaque":
        return isinstance(actual, str) or (isinstance(actual, Value) and actual.meta is None)
    if declared.kind == "str":
        return isinstance(actual, str)
    if declared.kind == "dtype":
        return isinstance(actual, Dtype)
    return actual is not None and not isinstance(actual, (bool, float, str, Dtype, Value, tuple))


def as_declared(param: Param, value: Any) -> Any:
    """An int where a float is declared is that float: graphs keep `1` where the source says `1`."""
    if isinstance(param.type, Plain) and param.type.kind == "float":
        if type(value) is int:
            return float(value)
        if isinstance(value, tuple):
            return tuple(float(item) if type(item) is int else item for item in value)
    return value
