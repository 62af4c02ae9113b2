"""Resolved expressions, types and operands as the language writes them, for messages and listings."""

from __future__ import annotations

import json
from collections.abc import Iterable

from patdsl.dtypes import Dtype
from patdsl.expr import Expr, Func, Items, Lit, Member, Ref, Star, Unary
from patdsl.op_table import (
    AnyTensor,
    Anything,
    Const,
    DtypeOf,
    DtypeSet,
    DtypeTerm,
    NoDefault,
    On,
    OneOf,
    Op,
    Operand,
    Param,
    Plain,
    Through,
    Type,
    Use,
)

_LEVEL = {
    "or": 1,
    "and": 2,
    "==": 4,
    "!=": 4,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}


def literal_text(value: object) -> str:
    """A constant: `none`, `true`, `1e-06`, `"silu"`, `bf16`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Dtype):
        return value.name
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(literal_text(item) for item in value) + "]"
    return repr(value)


def expr_text(expr: Expr, level: int = 0) -> str:
    """An expression, with the parentheses that it needs."""
    if isinstance(expr, Lit):
        return literal_text(expr.value)
    if isinstance(expr, Ref):
        return expr.name
    if isinstance(expr, Star):
        return f"*{expr.name}"
    if isinstance(expr, Items):
        return "[" + ", ".join(expr_text(item) for item in expr.items) + "]"
    if isinstance(expr, Func):
        if expr.name == "ceil_div":
            return f"ceil({expr_text(expr.args[0], 6)} / {expr_text(expr.args[1], 7)})"
        return f"{expr.name}({', '.join(expr_text(arg) for arg in expr.args)})"
    if isinstance(expr, Unary):
        return f"-{expr_text(expr.operand, 7)}" if expr.op == "-" else f"not {expr_text(expr.operand, 3)}"
    if isinstance(expr, Member):
        text = f"{expr_text(expr.item, 5)} in {{{', '.join(expr_text(option) for option in expr.options)}}}"
        return f"({text})" if level > 3 else text
    own = _LEVEL[expr.op]
    text = f"{expr_text(expr.left, own)} {expr.op} {expr_text(expr.right, own + 1)}"
    return f"({text})" if own < level else text


def dtype_text(term: DtypeTerm) -> str:
    if isinstance(term, DtypeSet):
        return "{" + ", ".join(map(str, term.names)) + "}"
    if isinstance(term, DtypeOf):
        return term.parameter
    return term.name


def type_text(declared: Type) -> str:
    """A type as it is declared."""
    if isinstance(declared, AnyTensor):
        return "tensor"
    if isinstance(declared, Plain):
        return declared.kind + ("[]" if declared.is_list else "")
    return f"{dtype_text(declared.dtype)}[{', '.join(expr_text(dim) for dim in declared.dims)}]"


def param_text(param: Param) -> str:
    default = "" if isinstance(param.default, NoDefault) else f" = {expr_text(param.default)}"
    return f"{param.name}: {type_text(param.type)}{'?' if param.optional else ''}{default}"


def signature_text(op: Op) -> str:
    """`rms_norm(x: T[*B, H], ...) -> (y: T[*B, H])`."""
    params = ", ".join(param_text(param) for param in op.params)
    results = ", ".join(f"{result.name}: {type_text(result.type)}" for result in op.results)
    return f"{op.name}({params}) -> ({results})"


def targets_text(targets: Iterable[On]) -> str:
    return ", ".join(target.name + ("+" if target.or_newer else "") for target in targets)


def operand_text(operand: Operand) -> str:
    """What a left step asks of an argument."""
    if isinstance(operand, Use):
        return operand.value
    if isinstance(operand, Through):
        return f"view{'' if operand.at_least else '?'}({operand.value})"
    if isinstance(operand, Const):
        return expr_text(operand.value)
    if isinstance(operand, OneOf):
        return f"{operand.name} in {{{', '.join(expr_text(option) for option in operand.options)}}}"
    if isinstance(operand, Anything):
        return "_"
    return "[" + ", ".join(operand_text(item) for item in operand.items) + "]"


def fan_out_text(low: int, high: int | None) -> str:
    """`2x`, `2..4x`, `1..x`, as the language writes a fan-out."""
    if high is None:
        return f"{low}..x"
    return f"{low}x" if low == high else f"{low}..{high}x"
