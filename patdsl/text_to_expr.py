"""Resolved expressions written as text in compiled modules.

In: the text that `resolved_to_text.expr_text` writes, `rank(x) == 2 and not col_major`. Out: the `Expr`. The
language's expressions read the same as Python's, so Python's own parser reads them; nothing is evaluated, and any form
that is not of the language is refused. Not for `.pat` files: those are read by the grammar.
"""

from __future__ import annotations

import ast
import functools

from patdsl.dtypes import Dtype, is_dtype
from patdsl.expr import Binary, Expr, Func, Items, Lit, Member, Ref, Star, Unary

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Mod: "%",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.And: "and",
    ast.Or: "or",
    ast.USub: "-",
    ast.Not: "not",
}
_WORDS = {"true": True, "false": False, "none": None}


# A library's modules say the same few over and over.
@functools.lru_cache(maxsize=1024)
def expr(text: str) -> Expr:
    """The expression that `text` says. Raises ValueError for anything else."""
    try:
        return _expr(ast.parse(text, mode="eval").body)
    except (SyntaxError, UnicodeError, MemoryError, RecursionError) as error:
        raise ValueError(f"not an expression: {text[:80]!r}") from error


def _expr(node: ast.expr) -> Expr:
    if isinstance(node, ast.Name):
        if node.id in _WORDS:
            return Lit(_WORDS[node.id])
        return Lit(Dtype(node.id)) if is_dtype(node.id) else Ref(node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
        return Lit(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return Binary(_OPERATORS[type(node.op)], _expr(node.left), _expr(node.right))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        operand = _expr(node.operand)
        if isinstance(node.op, ast.USub) and isinstance(operand, Lit) and type(operand.value) in (int, float):
            return Lit(-operand.value)
        return Unary(_OPERATORS[type(node.op)], operand)
    if isinstance(node, ast.BoolOp):
        first, *rest = [_expr(value) for value in node.values]
        for other in rest:
            first = Binary(_OPERATORS[type(node.op)], first, other)
        return first
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _comparison(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _function(node.func.id, node.args)
    if isinstance(node, ast.List):
        return Items(tuple(_expr(item) for item in node.elts))
    if isinstance(node, ast.Starred) and isinstance(node.value, ast.Name):
        return Star(node.value.id)
    raise ValueError(f"not an expression of the language: {ast.unparse(node)}")


def _comparison(node: ast.Compare) -> Expr:
    left, right = _expr(node.left), node.comparators[0]
    if isinstance(node.ops[0], ast.In) and isinstance(right, ast.Set):
        return Member(left, tuple(_expr(option) for option in right.elts))
    if type(node.ops[0]) not in _OPERATORS:
        raise ValueError(f"not an expression of the language: {ast.unparse(node)}")
    return Binary(_OPERATORS[type(node.ops[0])], left, _expr(right))


def _function(name: str, args: list[ast.expr]) -> Expr:
    if (
        name == "ceil"
        and len(args) == 1
        and isinstance(args[0], ast.BinOp)
        and isinstance(args[0].op, ast.Div)
    ):
        return Func("ceil_div", (_expr(args[0].left), _expr(args[0].right)))
    return Func(name, tuple(_expr(arg) for arg in args))
