"""What guards and declarations say of an op's parameters without a match.

In: a guard, or a parameter. Out: the values that it says.
"""

from __future__ import annotations

from collections.abc import Iterator

from patdsl.expr import Binary, EvaluationError, Expr, Lit, Ref, Scope, Unary, evaluate
from patdsl.op_table import NoDefault, Param


def solved(guard: Expr | None) -> Iterator[tuple[str, Lit]]:
    """Parameters that a guard says the value of."""
    if isinstance(guard, Binary) and guard.op == "and":
        yield from solved(guard.left)
        yield from solved(guard.right)
    elif (
        isinstance(guard, Binary)
        and guard.op == "=="
        and isinstance(guard.left, Ref)
        and isinstance(guard.right, Lit)
    ):
        yield guard.left.name, guard.right
    elif isinstance(guard, Unary) and guard.op == "not" and isinstance(guard.operand, Ref):
        yield guard.operand.name, Lit(False)
    elif isinstance(guard, Unary) and guard.op == "not" and isinstance(guard.operand, Binary):
        if guard.operand.op == "or":
            yield from solved(Unary("not", guard.operand.left))
            yield from solved(Unary("not", guard.operand.right))
    elif isinstance(guard, Ref):
        yield guard.name, Lit(True)


def default_of(param: Param) -> Lit | None:
    if isinstance(param.default, NoDefault):
        return None
    if isinstance(param.default, Lit):
        return param.default
    try:
        return Lit(evaluate(param.default, Scope({})))
    except EvaluationError:
        return None
