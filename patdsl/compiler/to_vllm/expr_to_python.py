"""Resolved expressions as Python, for modules that evaluate them without patdsl.

In: an expression and what its names stand for: values that are known (`Lit`), or Python (`Code`). Out: the same folded
as far as it is known; a condition as Python that is true only where the condition surely holds, with `known(...)` round
whatever may be symbolic. `UnsayableError` where Python of this kind cannot say it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeAlias

import attrs

from patdsl.dtypes import FP8, TORCH_NAMES, Dtype
from patdsl.expr import (
    Binary,
    EvaluationError,
    Expr,
    Func,
    Lit,
    Member,
    Ref,
    Scope,
    Unary,
    evaluate,
)
from patdsl.resolved_to_text import expr_text

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_LOOSE = ("or", "and")


class UnsayableError(Exception):
    """Why something cannot be said in a module of this kind."""


@attrs.frozen
class Code:
    """Python of a value. `kind` is `int float bool str dtype opaque`, or `dim` of what may be symbolic. `needs` is
    what must not be None for the code to have a value.
    """

    text: str
    kind: str
    needs: str = ""


@attrs.frozen
class TensorCode:
    """A tensor: Python of what may be asked of it, as far as it is known without the tensor itself."""

    text: str | None
    dtype: Code | Lit | None
    rank: Code | Lit | None
    optional: bool = False


Known: TypeAlias = Lit | Code | TensorCode
Lookup: TypeAlias = Callable[[str], Known | None]


@attrs.frozen
class Condition:
    """Python, or a truth value. `is_or`: alternatives, which stand in parentheses beside others. `parts`: what must
    all hold, where it is several.
    """

    text: str | bool
    is_or: bool = False
    parts: tuple[str, ...] = ()

    @property
    def all_parts(self) -> tuple[str, ...]:
        return self.parts or (f"({self.text})" if self.is_or else str(self.text),)


TRUE, FALSE = Condition(True), Condition(False)


def literal(value: object) -> str:
    """A constant as Python."""
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Dtype):
        return "FP8" if value.name == FP8 else f"torch.{TORCH_NAMES[value.name]}"
    return repr(value)


def python(known: Known) -> str:
    if isinstance(known, Lit):
        return literal(known.value)
    if known.text is None:
        raise UnsayableError("a value inside the pattern is needed")
    return known.text


class ExprToPython:
    """`sides` collects what must hold besides, for a value to be what its Python says: that a division is exact."""

    def __init__(self, lookup: Lookup, host_functions: frozenset[str] = frozenset()) -> None:
        self.lookup = lookup
        self.host_functions = host_functions
        self.sides: list[str] = []

    # Values

    def value(self, expr: Expr) -> Known:
        if isinstance(expr, Lit):
            return expr
        if isinstance(expr, Ref):
            found = self.lookup(expr.name)
            if found is None:
                raise UnsayableError(f"nothing in a match tells `{expr.name}`")
            return found
        if isinstance(expr, Unary) and expr.op == "-":
            known = self.value(expr.operand)
            return (
                _folded(Unary("-", known))
                if isinstance(known, Lit)
                else Code(f"-{python(known)}", _kind(known))
            )
        if isinstance(expr, Binary) and expr.op in "+-*/%":
            return self._arithmetic(expr)
        if isinstance(expr, Func):
            return self._call(expr)
        raise UnsayableError(f"`{expr_text(expr)}` is no value")

    def _arithmetic(self, expr: Binary) -> Known:
        left, right = self.value(expr.left), self.value(expr.right)
        if isinstance(left, Lit) and isinstance(right, Lit):
            return _folded(Binary(expr.op, left, right))
        one, other = python(left), python(right)
        kinds = {_kind(left), _kind(right)}
        kind = "float" if "float" in kinds else "dim" if "dim" in kinds else "int"
        if expr.op == "/" and kind != "float":
            self.sides.append(f"known({one} % {other} == 0)")
            return Code(f"({one} // {other})", kind)
        return Code(f"({one} {expr.op} {other})", kind)

    def _call(self, expr: Func) -> Known:
        if expr.name in self.host_functions:
            args = []
            for arg in expr.args:
                known = self.value(arg)
                is_layer = isinstance(known, Code) and known.kind == "opaque"
                args.append(f"name_of({python(known)})" if is_layer else python(known))
            return Code(f"hosts.{expr.name}({', '.join(args)})", "bool")
        known = self.value(expr.args[0])
        if expr.name == "dtype" and isinstance(known, TensorCode):
            return _there(known.dtype)
        if expr.name == "rank" and isinstance(known, TensorCode):
            return _there(known.rank)
        if isinstance(known, TensorCode):
            text = python(known)
            needs = text if known.optional else ""
            if expr.name == "numel":
                return Code(f"{text}.numel()", "dim", needs)
            if expr.name == "contiguous":
                return Code(f"{text}.is_contiguous()", "bool", needs)
            if expr.name == "device":
                return Code(f"{text}.device.type", "str", needs)
            if expr.name == "size":
                return Code(f"{text}.shape[{python(self.value(expr.args[1]))}]", "dim", needs)
            raise UnsayableError(f"`{expr_text(expr)}` is no value")
        if expr.name == "ceil" and isinstance(expr.args[0], Binary) and expr.args[0].op == "/":
            return self._ceil(expr.args[0].left, expr.args[0].right)
        if expr.name == "ceil_div":
            return self._ceil(*expr.args)
        rest = [self.value(arg) for arg in expr.args[1:]]
        if isinstance(known, Lit) and all(isinstance(each, Lit) for each in rest):
            return _folded(Func(expr.name, (known, *rest)))  # type: ignore[arg-type]
        if expr.name in ("float", "int", "bool"):
            return Code(f"{expr.name}({python(known)})", expr.name)
        raise UnsayableError(f"`{expr_text(expr)}` of what only a match knows")

    def _ceil(self, dividend: Expr, divisor: Expr) -> Known:
        one, other = self.value(dividend), self.value(divisor)
        if isinstance(one, Lit) and isinstance(other, Lit):
            return _folded(Func("ceil_div", (one, other)))
        return Code(
            f"-(-{python(one)} // {python(other)})", "dim" if "dim" in (_kind(one), _kind(other)) else "int"
        )

    # Conditions

    def condition(self, expr: Expr, holds: bool = True) -> Condition:
        """Python that is true only where `expr` surely is `holds`."""
        if isinstance(expr, Unary) and expr.op == "not":
            return self.condition(expr.operand, not holds)
        if isinstance(expr, Binary) and expr.op in _LOOSE:
            parts = [self.condition(side, holds) for side in (expr.left, expr.right)]
            return (any_of if (expr.op == "or") is holds else all_of)(parts)
        if isinstance(expr, Binary) and expr.op in _NEGATED:
            op = expr.op if holds else _NEGATED[expr.op]
            return self._with_sides(lambda: self._compared(op, self.value(expr.left), self.value(expr.right)))
        if isinstance(expr, Member):
            return self._member(expr, holds)
        known = self.value(expr)
        if isinstance(known, Lit):
            return TRUE if known.value is holds else FALSE
        return _with_needs(Condition(f"{'' if holds else 'not '}{python(known)}"), known)

    def _member(self, expr: Member, holds: bool) -> Condition:
        options = [self.value(option) for option in expr.options]
        item = self.value(expr.item)
        if _kind(item) not in ("dim", "float") and not isinstance(item, Lit):
            inside = ", ".join(python(option) for option in options) + ("," if len(options) == 1 else "")
            return _with_needs(Condition(f"{python(item)} {'in' if holds else 'not in'} ({inside})"), item)
        parts = [self._compared("==" if holds else "!=", item, option) for option in options]
        return (any_of if holds else all_of)(parts)

    def _with_sides(self, made: Callable[[], Condition]) -> Condition:
        outer, self.sides = self.sides, []
        found = made()
        sides, self.sides = self.sides, outer
        return all_of([*map(Condition, sides), found])

    def _compared(self, op: str, left: Known, right: Known) -> Condition:
        if isinstance(left, Lit) and isinstance(right, Lit):
            try:
                return Condition(bool(evaluate(Binary(op, left, right), Scope({}))))
            except EvaluationError:
                return FALSE
        if isinstance(left, Lit):
            left, right = right, left
            op = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(op, op)
        if isinstance(right, Lit) and right.value is None:
            if isinstance(left, Code) or not (isinstance(left, TensorCode) and left.optional):
                return Condition(op == "!=")
            return Condition(f"{python(left)} {'is' if op == '==' else 'is not'} None")
        text = f"{_bare(python(left))} {op} {_bare(python(right))}"
        if "dim" in (_kind(left), _kind(right)):
            text = f"known({text})"
        return _with_needs(Condition(text), left, right)


def any_of(parts: list[Condition]) -> Condition:
    if any(part.text is True for part in parts):
        return TRUE
    found = list(dict.fromkeys(part for part in parts if part.text is not False))
    if len(found) < 2:
        return found[0] if found else FALSE
    return Condition(" or ".join(str(part.text) for part in found), is_or=True)


def all_of(parts: list[Condition]) -> Condition:
    if any(part.text is False for part in parts):
        return FALSE
    found = list(dict.fromkeys(part for part in parts if part.text is not True))
    if len(found) < 2:
        return found[0] if found else TRUE
    texts = tuple(dict.fromkeys(text for part in found for text in part.all_parts))
    return Condition(" and ".join(texts), parts=texts)


def _with_needs(condition: Condition, *values: Known) -> Condition:
    needs = dict.fromkeys(value.needs for value in values if isinstance(value, Code) and value.needs)
    return all_of([*(Condition(f"{name} is not None") for name in needs), condition])


def _kind(known: Known) -> str:
    if isinstance(known, Code):
        return known.kind
    if isinstance(known, TensorCode):
        return "tensor"
    return type(known.value).__name__.lower()


def _there(known: Code | Lit | None) -> Known:
    if known is None:
        raise UnsayableError("the type of a value inside the pattern is needed")
    return known


def _bare(text: str) -> str:
    """Without parentheses that a comparison does not need."""
    is_whole = text.startswith("(") and text.find(")") == len(text) - 1
    return text[1:-1] if is_whole else text


def _folded(expr: Expr) -> Lit:
    try:
        return Lit(evaluate(expr, Scope({})))
    except EvaluationError as error:
        raise UnsayableError(str(error)) from None
