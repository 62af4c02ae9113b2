"""Resolved expressions: what guards, dims and templates compute, without spans and without syntax.

Made by `ast_to_graph.py` from the syntax, written as plain constructor calls into compiled modules, and
evaluated with `evaluate` at match time. Nothing here imports torch; a symbolic int of torch is used through
its operators only, and what is not statically known about it is `UNKNOWN`, never a guess.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from patdsl.dtypes import Dtype


@attrs.frozen
class Lit:
    """A constant: int, float, bool, str, None or a `Dtype`."""

    value: Any


@attrs.frozen
class Ref:
    """A name: dim, captured value, constant, host value or parameter."""

    name: str


@attrs.frozen
class Unary:
    """`-` or `not`."""

    op: str
    operand: Expr


@attrs.frozen
class Binary:
    """`+ - * / % == != < <= > >= and or`; `/` of ints is exact."""

    op: str
    left: Expr
    right: Expr


@attrs.frozen
class Member:
    """`item in {options}`."""

    item: Expr
    options: tuple[Expr, ...]


@attrs.frozen
class Func:
    """A function of the language (`FUNCTIONS`), a question about a tensor (`TENSOR_FUNCTIONS`) or a host function."""

    name: str
    args: tuple[Expr, ...]


@attrs.frozen
class Items:
    """A list; an item may be a `Star`, which stands for the dims it is bound to."""

    items: tuple[Expr, ...]


@attrs.frozen
class Star:
    """`*B`: the dims bound to `B`."""

    name: str


Expr: TypeAlias = Lit | Ref | Unary | Binary | Member | Func | Items | Star

#: Questions about a tensor; the environment's `ask` answers them.
TENSOR_FUNCTIONS = frozenset({"dtype", "rank", "numel", "contiguous", "device", "shape", "size"})


class Unknown:
    """What is not statically known. Falsy tests on it are a mistake, so it has no truth value."""

    def __bool__(self) -> bool:
        raise TypeError("UNKNOWN has no truth value")

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class EvaluationError(ValueError):
    """The expression has no value: an unbound name, a division that is not exact, a wrong operand type."""


def _ceil_div(dividend: Any, divisor: Any) -> Any:
    """`ceil(a / b)` for ints, symbolic ints and whatever brings a `ceil_div` of its own."""
    if hasattr(dividend, "ceil_div") or hasattr(divisor, "ceil_div"):
        return dividend.ceil_div(divisor) if hasattr(dividend, "ceil_div") else divisor.rceil_div(dividend)
    if isinstance(divisor, int) and divisor == 0:
        raise EvaluationError(f"ceil({dividend} / 0)")
    return -(-dividend // divisor)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ceil": math.ceil,
    "ceil_div": _ceil_div,
    "float": float,
    "int": int,
    "bool": bool,
    "min": min,
    "max": max,
    "abs": abs,
}

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@attrs.frozen
class Scope:
    """What an expression may look up.

    `names` binds dims, captures, constants and host values; `ask(question, value, *more)` answers
    `TENSOR_FUNCTIONS`, or returns UNKNOWN; `hosts` are host functions; `known(condition)` turns a torch
    symbolic bool into True, False or UNKNOWN.
    """

    names: Mapping[str, Any]
    ask: Callable[..., Any] = lambda question, *args: UNKNOWN
    hosts: Mapping[str, Callable[..., Any]] = attrs.Factory(dict)
    known: Callable[[Any], Any] = lambda condition: condition if isinstance(condition, bool) else UNKNOWN


def evaluate(expr: Expr, scope: Scope) -> Any:
    """The value of `expr`, or UNKNOWN where a symbolic dim leaves it open. Raises EvaluationError."""
    if isinstance(expr, Lit):
        return expr.value
    if isinstance(expr, Ref):
        if expr.name not in scope.names:
            raise EvaluationError(f"`{expr.name}` has no value here")
        return scope.names[expr.name]
    if isinstance(expr, Items):
        return _items(expr, scope)
    if isinstance(expr, Unary):
        value = evaluate(expr.operand, scope)
        if value is UNKNOWN:
            return UNKNOWN
        return -value if expr.op == "-" else not value
    if isinstance(expr, Binary):
        return _binary(expr, scope)
    if isinstance(expr, Member):
        return _member(expr, scope)
    if isinstance(expr, Func):
        args = [evaluate(arg, scope) for arg in expr.args]
        if expr.name in TENSOR_FUNCTIONS:
            return scope.ask(expr.name, *args)
        if any(arg is UNKNOWN for arg in args):
            return UNKNOWN
        function = FUNCTIONS.get(expr.name) or scope.hosts.get(expr.name)
        if function is None:
            raise EvaluationError(f"no function `{expr.name}`")
        return function(*args)
    raise EvaluationError(f"`*{expr.name}` stands for several dims; write it inside a list")


def _items(expr: Items, scope: Scope) -> Any:
    values: list[Any] = []
    for item in expr.items:
        if isinstance(item, Star):
            values.extend(scope.names[item.name])
        else:
            values.append(evaluate(item, scope))
    return UNKNOWN if any(value is UNKNOWN for value in values) else tuple(values)


def _binary(expr: Binary, scope: Scope) -> Any:
    if expr.op in ("and", "or"):
        return _logic(expr, scope)
    left, right = evaluate(expr.left, scope), evaluate(expr.right, scope)
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    if expr.op in _COMPARISONS:
        return compare(expr.op, left, right, scope)
    try:
        if expr.op == "/":
            return divide(left, right, scope)
        return _ARITHMETIC[expr.op](left, right)
    except (TypeError, ZeroDivisionError) as error:
        raise EvaluationError(f"cannot compute {left!r} {expr.op} {right!r}: {error}") from None


def compare(op: str, left: Any, right: Any, scope: Scope) -> Any:
    """A comparison, or UNKNOWN. None, strings, bools and dtypes compare by kind as well as by value."""
    if op in ("==", "!="):
        plain = (type(None), str, bool, Dtype)
        if isinstance(left, plain) or isinstance(right, plain):
            same = type(left) is type(right) and left == right
            return same if op == "==" else not same
    try:
        return scope.known(_COMPARISONS[op](left, right))
    except TypeError:
        raise EvaluationError(f"cannot compare {left!r} {op} {right!r}") from None


def divide(left: Any, right: Any, scope: Scope) -> Any:
    """`/`: exact for ints (EvaluationError otherwise, UNKNOWN where divisibility is open), true division for floats."""
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    if isinstance(right, int) and right == 0:
        raise EvaluationError(f"{left} / 0")
    exact = scope.known(left % right == 0)
    if exact is UNKNOWN:
        return UNKNOWN
    if not exact:
        raise EvaluationError(f"{left} is not divisible by {right}")
    return left // right


def _logic(expr: Binary, scope: Scope) -> Any:
    decisive = expr.op == "or"
    left = evaluate(expr.left, scope)
    if left is decisive:
        return decisive
    right = evaluate(expr.right, scope)
    if right is decisive:
        return decisive
    return UNKNOWN if UNKNOWN in (left, right) else not decisive


def _member(expr: Member, scope: Scope) -> Any:
    item = evaluate(expr.item, scope)
    if item is UNKNOWN:
        return UNKNOWN
    found = [compare("==", item, evaluate(option, scope), scope) for option in expr.options]
    if any(same is True for same in found):
        return True
    return UNKNOWN if any(same is UNKNOWN for same in found) else False


def names_in(expr: Expr) -> tuple[str, ...]:
    """Every name the expression reads, in order, each once."""
    found: dict[str, None] = {}

    def walk(part: Expr) -> None:
        if isinstance(part, (Ref, Star)):
            found.setdefault(part.name)
        elif isinstance(part, Unary):
            walk(part.operand)
        elif isinstance(part, Binary):
            walk(part.left)
            walk(part.right)
        elif isinstance(part, Member):
            walk(part.item)
            for option in part.options:
                walk(option)
        elif isinstance(part, Func):
            for arg in part.args:
                walk(arg)
        elif isinstance(part, Items):
            for item in part.items:
                walk(item)

    walk(expr)
    return tuple(found)
