"""Hypothesis strategies for resolved expressions, and the same expressions as Python computes them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from patdsl.dtypes import TORCH_NAMES, Dtype
from patdsl.expr import Binary, Expr, Func, Items, Lit, Member, Ref, Star, Unary

NAMES = ("a", "b", "c", "H")
ARITHMETIC = ("+", "-", "*", "/", "%")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")

numbers = st.recursive(
    st.one_of(st.integers(-9, 9).map(Lit), st.sampled_from(NAMES).map(Ref)),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from(ARITHMETIC), inner, inner),
        st.builds(Unary, st.just("-"), inner),
        st.builds(lambda a, b: Func("ceil_div", (a, b)), inner, inner),
        st.builds(lambda name, a, b: Func(name, (a, b)), st.sampled_from(("min", "max")), inner, inner),
        st.builds(lambda a: Func("abs", (a,)), inner),
    ),
    max_leaves=8,
)
conditions = st.recursive(
    st.one_of(
        st.booleans().map(Lit),
        st.builds(Binary, st.sampled_from(COMPARISONS), numbers, numbers),
        st.builds(Member, numbers, st.lists(numbers, min_size=1, max_size=3).map(tuple)),
    ),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from(("and", "or")), inner, inner),
        st.builds(Unary, st.just("not"), inner),
    ),
    max_leaves=5,
)

#: Anything the resolver can make, sensible or not: names in odd places, lists, stars, dtypes, every kind of literal.
anything: st.SearchStrategy[Expr] = st.recursive(
    st.one_of(
        st.one_of(
            st.integers(0, 2**70),
            st.floats(0, allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.none(),
            st.text(max_size=6),
            st.sampled_from(sorted(TORCH_NAMES)).map(Dtype),
        ).map(Lit),
        st.sampled_from((*NAMES, "x1", "group_size", "in_", "é")).map(Ref),
    ),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from((*ARITHMETIC, *COMPARISONS, "and", "or")), inner, inner),
        st.builds(Unary, st.sampled_from(("-", "not")), inner),
        st.builds(Member, inner, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(lambda a, b: Func("ceil_div", (a, b)), inner, inner),
        st.builds(
            lambda name, args: Func(name, tuple(args)),
            st.sampled_from(("rank", "min", "size", "supports")),
            st.lists(inner, max_size=2),
        ),
        st.lists(st.one_of(inner, st.sampled_from("BC").map(Star)), max_size=3).map(
            lambda items: Items(tuple(items))
        ),
    ),
    max_leaves=10,
)


class NoValueError(Exception):
    """The expression has no value: a division that is not exact, or by zero."""


def python_value(expr: Expr, names: dict[str, Any]) -> Any:
    """What an expression of ints and conditions means, written down a second time. Both sides of `and` are computed."""
    if isinstance(expr, Lit):
        return expr.value
    if isinstance(expr, Ref):
        return names[expr.name]
    if isinstance(expr, Unary):
        value = python_value(expr.operand, names)
        return -value if expr.op == "-" else not value
    if isinstance(expr, Member):
        item = python_value(expr.item, names)
        options = [python_value(option, names) for option in expr.options]
        return item in options
    if isinstance(expr, Func):
        args = [python_value(arg, names) for arg in expr.args]
        if expr.name == "ceil_div":
            if args[1] == 0:
                raise NoValueError
            return math.ceil(Fraction(*args))
        return {"min": min, "max": max, "abs": abs}[expr.name](*args)
    assert isinstance(expr, Binary)
    if expr.op in ("and", "or"):
        left = python_value(expr.left, names)
        if left is (expr.op == "or"):
            return left
        return python_value(expr.right, names)
    left, right = python_value(expr.left, names), python_value(expr.right, names)
    if expr.op in "/%" and right == 0:
        raise NoValueError
    if expr.op == "/":
        if left % right:
            raise NoValueError
        return left // right
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "%": lambda: left % right,
        "==": lambda: left == right,
        "!=": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
    }[expr.op]()
