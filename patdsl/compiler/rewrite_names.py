"""Names of an expression replaced by other expressions."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from patdsl.expr import Binary, Expr, Func, Items, Member, Ref, Unary


def rename(expr: Expr, by: Mapping[str, Expr]) -> Expr:
    """`expr` with every `Ref` that `by` names replaced."""
    if isinstance(expr, Ref):
        return by.get(expr.name, expr)
    if isinstance(expr, Unary):
        return attrs.evolve(expr, operand=rename(expr.operand, by))
    if isinstance(expr, Binary):
        return attrs.evolve(expr, left=rename(expr.left, by), right=rename(expr.right, by))
    if isinstance(expr, Member):
        return Member(rename(expr.item, by), tuple(rename(option, by) for option in expr.options))
    if isinstance(expr, Func):
        return Func(expr.name, tuple(rename(arg, by) for arg in expr.args))
    if isinstance(expr, Items):
        return Items(tuple(rename(item, by) for item in expr.items))
    return expr
