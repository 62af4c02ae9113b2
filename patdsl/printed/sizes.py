"""Symbolic sizes as graphs print them: `s77`, `8*s77`, `(s0//2)`.

In: text. Out: an int, or a `Size`, with which the matcher computes as with torch's symbolic ints; `known` decides its
conditions. A symbol `s...` is at least 2, as torch's specialisation of 0 and 1 has it; of any other nothing is known.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import attrs

from patdsl.compiler.symbolic import ANY_SIGN, Condition, Facts, Poly
from patdsl.expr import UNKNOWN

#: The longest expression that is read; a longer one is a size of which nothing is known.
LONGEST = 500

_FACTS = Facts(assuming=False)


@attrs.frozen(eq=False, order=False)
class Size:
    """A size that is not a plain int."""

    poly: Poly

    def __add__(self, other: Any) -> Any:
        return _size(self.poly + _poly(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _size(self.poly - _poly(other))

    def __rsub__(self, other: Any) -> Any:
        return _size(_poly(other) - self.poly)

    def __mul__(self, other: Any) -> Any:
        return _size(self.poly * _poly(other))

    __rmul__ = __mul__

    def __neg__(self) -> Any:
        return _size(-self.poly)

    def __floordiv__(self, other: Any) -> Any:
        return floor_div(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return floor_div(other, self)

    def __mod__(self, other: Any) -> Any:
        return remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return remainder(other, self)

    def ceil_div(self, other: Any) -> Any:
        """`ceil(self / other)`."""
        return -floor_div(-self, other)

    def rceil_div(self, other: Any) -> Any:
        """`ceil(other / self)`."""
        return -floor_div(-other, self)

    def __eq__(self, other: object) -> Any:
        return Condition("==", self.poly - _poly(other)) if isinstance(other, (int, Size)) else False

    def __ne__(self, other: object) -> Any:
        return Condition("!=", self.poly - _poly(other)) if isinstance(other, (int, Size)) else True

    def __lt__(self, other: Any) -> Any:
        return Condition(">", _poly(other) - self.poly)

    def __le__(self, other: Any) -> Any:
        return Condition(">=", _poly(other) - self.poly)

    def __gt__(self, other: Any) -> Any:
        return Condition(">", self.poly - _poly(other))

    def __ge__(self, other: Any) -> Any:
        return Condition(">=", self.poly - _poly(other))

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self.poly)

    __repr__ = __str__


def known(condition: Any) -> Any:
    """A condition on sizes as True, False or UNKNOWN: for `Context.known`."""
    if not isinstance(condition, Condition):
        return condition if isinstance(condition, bool) else UNKNOWN
    difference = condition.difference
    names = {name for monomial in difference.terms for name, _ in monomial if not name.startswith(ANY_SIGN)}
    if any(power < 0 for monomial in difference.terms for _, power in monomial):
        return UNKNOWN
    shifted = Facts(equal={name: Poly.var(name) + 1 for name in names}, assuming=False).reduced(difference)
    return _FACTS.decided(Condition(condition.op, shifted))


def floor_div(one: Any, other: Any) -> Any:
    """`one // other`, rounded down; a size of its own where it is not exact."""
    quotient = _exact(one, other)
    return _opaque("//", one, other) if quotient is None else quotient


def remainder(one: Any, other: Any) -> Any:
    """`one % other`; a size of its own where it is not known to be 0."""
    return _opaque("%", one, other) if _exact(one, other) is None else 0


def read_size(text: str) -> Any:
    """The size that a text says."""
    if text.isdecimal() and len(text) < 19:
        return int(text)
    try:
        return _read(ast.parse(text.strip(), mode="eval").body) if len(text) <= LONGEST else _unread(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, ArithmeticError):
        return _unread(text)


def _read(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name):
        return Size(Poly.var(node.id if node.id.startswith("s") else f"{ANY_SIGN}{node.id}"))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_read(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_read(node.left), _read(node.right))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return _power(_read(node.left), node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        args = list(map(_read, node.args))
        function = _FUNCTIONS.get(node.func.id) if len(args) == 2 else None
        return function(*args) if function else _unread(f"{node.func.id}({', '.join(map(str, args))})")
    return _unread(ast.unparse(node))


def _power(base: Any, exponent: ast.expr) -> Any:
    if isinstance(exponent, ast.Constant) and type(exponent.value) is int and 0 <= exponent.value <= 8:
        result: Any = 1
        for _ in range(exponent.value):
            result = result * base
        return result
    return _opaque("**", base, ast.unparse(exponent))


_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda one, other: one + other,
    ast.Sub: lambda one, other: one - other,
    ast.Mult: lambda one, other: one * other,
    ast.FloorDiv: floor_div,
    ast.Mod: remainder,
}
_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "FloorDiv": floor_div,
    "CleanDiv": floor_div,
    "Mod": remainder,
    "PythonMod": remainder,
}


def _poly(value: Any) -> Poly:
    return value.poly if isinstance(value, Size) else Poly.of(value)


def _size(poly: Poly) -> Any:
    """An int where it is one."""
    constant = poly.constant
    return int(constant) if constant is not None and constant.denominator == 1 else Size(poly)


def _exact(one: Any, other: Any) -> Any:
    """The quotient, where the division is exact for every value; None where that is open."""
    dividend, divisor = _poly(one), _poly(other)
    if not divisor.terms:
        return None
    if divisor.constant is not None and dividend.constant is not None:
        quotient = dividend.constant / divisor.constant
        return int(quotient) if quotient.denominator == 1 else None
    quotient_poly = dividend // divisor
    whole = all(
        coefficient.denominator == 1 and all(power > 0 and "(1/" not in name for name, power in monomial)
        for monomial, coefficient in quotient_poly.terms.items()
    )
    return _size(quotient_poly) if whole else None


def _opaque(operation: str, one: Any, other: Any) -> Any:
    if isinstance(one, int) and isinstance(other, int) and other:
        return one // other if operation == "//" else one % other
    return _unread(f"({one} {operation} {other})")


def _unread(text: str) -> Size:
    """A size that equals itself alone."""
    return Size(Poly.var(f"{ANY_SIGN}{text}"))
