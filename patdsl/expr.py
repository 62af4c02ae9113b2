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


class Open:
    """Stands for a captured value of which nothing is known; every expression that reads it is UNKNOWN."""


class EvaluationError(ValueError):
    """The expression has no value: an unbound name, a division that is not exact, a wrong operand type."""


def _ceil_div(dividend: Any, divisor: Any) -> Any:
    """`ceil(a / b)` for ints, symbolic ints and whatever brings a `ceil_div` of its own."""
    if hasattr(dividend, "ceil_div") or hasattr(divisor, "ceil_div"):
        return dividend.ceil_div(divisor) if hasattr(dividend, "ceil_div") else divisor.rceil_div(dividend)
    if isinstance(divisor, int) and divisor == 0:
        raise EvaluationError(f"ceil({dividend} / 0)")
    return -(-dividend // divisor)


#: Functions of numbers and strings. `min`, `max` and `abs` stand below: on symbolic ints they ask what is known.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ceil": math.ceil,
    "ceil_div": _ceil_div,
    "float": float,
    "int": int,
    "bool": bool,
}

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
}

#: What arithmetic and order are not for; everything else is a number, known or symbolic.
_NO_NUMBERS = (type(None), str, bool, Dtype, tuple, list)
#: Values that the functions of Python may be called with.
_PLAIN = (int, float, *_NO_NUMBERS)
#: Longer integers are a mistake or an attack.
MOST_BITS = 4096

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
    return _EVALUATE[type(expr)](expr, scope)


def _ref(expr: Ref, scope: Scope) -> Any:
    try:
        value = scope.names[expr.name]
    except KeyError:
        raise EvaluationError(f"`{expr.name}` has no value here") from None
    return UNKNOWN if isinstance(value, Open) else value


def _star(expr: Star, scope: Scope) -> Any:
    raise EvaluationError(f"`*{expr.name}` stands for several dims; write it inside a list")


def _unary(expr: Unary, scope: Scope) -> Any:
    value = evaluate(expr.operand, scope)
    if expr.op == "not":
        return UNKNOWN if _condition(value) is UNKNOWN else not value
    return UNKNOWN if value is UNKNOWN else _negative(value)


def _func(expr: Func, scope: Scope) -> Any:
    args = [evaluate(arg, scope) for arg in expr.args]
    return UNKNOWN if any(arg is UNKNOWN for arg in args) else _call(expr.name, args, scope)


def _call(name: str, args: list[Any], scope: Scope) -> Any:
    if name in TENSOR_FUNCTIONS:
        return scope.ask(name, *args)
    if name in scope.hosts and name not in FUNCTIONS:
        return scope.hosts[name](*args)
    if name == "abs":
        is_positive = compare(">=", args[0], 0, scope)
        return UNKNOWN if is_positive is UNKNOWN else args[0] if is_positive else _negative(args[0])
    if name in ("min", "max"):
        return _chosen("<=" if name == "min" else ">=", args[0], args[1], scope)
    if name not in FUNCTIONS:
        raise EvaluationError(f"no function `{name}`")
    if name != "ceil_div" and not isinstance(args[0], _PLAIN):
        return UNKNOWN  # torch would specialise the graph on what it says
    try:
        return _written(FUNCTIONS[name](*args))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise EvaluationError(f"cannot compute {name}({', '.join(map(repr, args))}): {error}") from None


def _negative(value: Any) -> Any:
    if isinstance(value, _NO_NUMBERS):
        raise EvaluationError(f"cannot compute -{value!r}: it is no number")
    return -value


def _chosen(op: str, one: Any, other: Any, scope: Scope) -> Any:
    """`one` where it compares so with `other`, else `other`; UNKNOWN where that is open."""
    holds = compare(op, one, other, scope)
    return UNKNOWN if holds is UNKNOWN else one if holds else other


def _items(expr: Items, scope: Scope) -> Any:
    values: list[Any] = []
    for item in expr.items:
        if isinstance(item, Star):
            dims = scope.names.get(item.name)
            if not isinstance(dims, (tuple, list)):
                raise EvaluationError(f"`*{item.name}` has no dims here")
            values.extend(dims)
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
    return _arithmetic(expr.op, left, right, scope)


def _arithmetic(op: str, left: Any, right: Any, scope: Scope) -> Any:
    for value in (left, right):
        if isinstance(value, _NO_NUMBERS):
            raise EvaluationError(f"cannot compute {left!r} {op} {right!r}: {value!r} is no number")
    try:
        result = divide(left, right, scope) if op == "/" else _ARITHMETIC[op](left, right)
    except (TypeError, ArithmeticError) as error:
        raise EvaluationError(f"cannot compute {left!r} {op} {right!r}: {error}") from None
    return _written(result)


def _written(value: Any) -> Any:
    """A value that can be written down: not infinite, and no integer of a thousand digits."""
    if isinstance(value, float) and not math.isfinite(value):
        raise EvaluationError("a number larger than any float64")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise EvaluationError(f"a number of more than {MOST_BITS} bits")
    return value


def compare(op: str, left: Any, right: Any, scope: Scope) -> Any:
    """A comparison, or UNKNOWN.

    None, strings, bools and dtypes compare by kind as well as by value, lists by their items.
    """
    if op in ("==", "!="):
        same = _same(left, right, scope)
        return same if op == "==" or same is UNKNOWN else not same
    try:
        if isinstance(left, _NO_NUMBERS) or isinstance(right, _NO_NUMBERS):
            raise TypeError
        return scope.known(_COMPARISONS[op](left, right))
    except TypeError:
        raise EvaluationError(f"cannot compare {left!r} {op} {right!r}") from None


def _same(left: Any, right: Any, scope: Scope) -> Any:
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    if isinstance(left, Dtype) and isinstance(right, Dtype):
        if left == right:
            return True
        # What is no plain `Dtype` stands for one that is not known (in proofs, which are for every dtype).
        return False if type(left) is type(right) is Dtype else UNKNOWN
    if isinstance(left, (tuple, list)) and isinstance(right, (tuple, list)):
        if len(left) != len(right):
            return False
        each = [_same(one, other, scope) for one, other in zip(left, right, strict=True)]
        return False if any(same is False for same in each) else UNKNOWN if UNKNOWN in each else True
    if isinstance(left, _NO_NUMBERS) or isinstance(right, _NO_NUMBERS):
        return type(left) is type(right) and left == right
    return scope.known(left == right)


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
    left = _condition(evaluate(expr.left, scope))
    if left is decisive:
        return decisive
    right = _condition(evaluate(expr.right, scope))
    if right is decisive:
        return decisive
    return UNKNOWN if left is UNKNOWN or right is UNKNOWN else not decisive


def _condition(value: Any) -> Any:
    """A truth value, which numbers, none and strings are not."""
    if value is True or value is False or value is UNKNOWN:
        return value
    raise EvaluationError(f"{value!r} is no condition")


def _member(expr: Member, scope: Scope) -> Any:
    item = evaluate(expr.item, scope)
    if item is UNKNOWN:
        return UNKNOWN
    found = [compare("==", item, evaluate(option, scope), scope) for option in expr.options]
    if any(same is True for same in found):
        return True
    return UNKNOWN if any(same is UNKNOWN for same in found) else False


_EVALUATE: dict[type, Callable[[Any, Scope], Any]] = {
    Lit: lambda expr, scope: expr.value,
    Ref: _ref,
    Star: _star,
    Items: _items,
    Unary: _unary,
    Binary: _binary,
    Member: _member,
    Func: _func,
}


def names_in(expr: Expr) -> tuple[str, ...]:
    """Every name the expression reads, in order, each once."""
    if isinstance(expr, Ref):
        return (expr.name,)
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
