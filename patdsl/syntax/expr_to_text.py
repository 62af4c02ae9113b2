"""Expressions, types, statements and chains as words.

In: AST nodes. Out: their words (`words_to_lines.py`), with parentheses only where the grammar needs them.
Prints no declarations and no comments.
"""

from __future__ import annotations

from patdsl.syntax import ast_nodes as ast
from patdsl.syntax.words_to_lines import (
    Words,
    bracketed,
    broken_before,
    deeper,
    glue,
    joined,
    separated,
    words,
)

# How tightly an operator binds; the grammar's levels from `expression` (1) to what needs no parentheses (8).
_LEVELS = {"or": 1, "and": 2, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6}
_CONDITION, _NOT, _COMPARISON, _SUM, _UNARY, _ATOM = 1, 3, 4, 5, 7, 8


def condition_words(expr: ast.Expr) -> Words:
    """An expression where anything may stand: a guard, `where`, a template argument."""
    return _expr(expr, _CONDITION)


def value_words(expr: ast.Expr) -> Words:
    """An expression where arithmetic stands: an argument, a dim, a statement's value."""
    return _expr(expr, _SUM)


def _expr(expr: ast.Expr, least: int) -> Words:
    level = _level(expr)
    printed = _bare(expr)
    return glue("(", deeper(printed), ")") if level < least else printed


def _level(expr: ast.Expr) -> int:
    if isinstance(expr, ast.Binary):
        return _LEVELS.get(expr.operator, _COMPARISON)
    if isinstance(expr, ast.Unary):
        return _NOT if expr.operator == "not" else _UNARY
    return _COMPARISON if isinstance(expr, ast.Member) else _ATOM


def _bare(expr: ast.Expr) -> Words:
    """The expression without parentheses around it."""
    if isinstance(expr, ast.Binary):
        level = _level(expr)
        is_comparison = level == _COMPARISON
        left = _expr(expr.left, level + 1 if is_comparison else level)
        right = glue(f"{expr.operator} ", _expr(expr.right, level + 1))
        # Conditions break at `and` and `or` rather than within what these join.
        return (*_inside(left, level), *broken_before(_inside(right, level), 0 if level <= 2 else 1))
    if isinstance(expr, ast.Unary):
        sign = "not " if expr.operator == "not" else expr.operator
        return glue(sign, _expr(expr.operand, _level(expr)))
    if isinstance(expr, ast.Member):
        options = bracketed("{", [_option(option) for option in expr.options], "}")
        return glue(_expr(expr.item, _SUM), " in ", options)
    if isinstance(expr, ast.ListExpr):
        return bracketed("[", [value_words(item) for item in expr.items], "]")
    if isinstance(expr, ast.Call):
        start = f"{_fan_out(expr.fan_out)}{expr.function.text}{'?' if expr.maybe else ''}"
        return glue(start, arguments_words(expr.arguments))
    return words(_atom(expr))


def _inside(part: Words, level: int) -> Words:
    return part if level <= 2 else deeper(part)


def _atom(expr: ast.Expr) -> str:
    if isinstance(expr, (ast.Name, ast.Literal)):
        return expr.text
    if isinstance(expr, ast.Star):
        return f"*{expr.name.text}"
    if isinstance(expr, ast.TupleExpr):
        raise TypeError("a tuple stands only among the options of a pattern parameter")
    return "_"


def _option(option: ast.Expr) -> Words:
    """A value of a set; only here can a tuple stand."""
    if isinstance(option, ast.TupleExpr):
        return bracketed("(", [value_words(item) for item in option.items], ")")
    return value_words(option)


def arguments_words(arguments: tuple[ast.Argument, ...]) -> Words:
    """`(a, k=b, g in {64, 128})`."""
    return bracketed("(", [_argument(argument) for argument in arguments], ")")


def _argument(argument: ast.Argument) -> Words:
    value = argument.value
    printed = _bare(value) if isinstance(value, ast.Member) else value_words(value)
    return glue(f"{argument.name.text}=", printed) if argument.name else printed


def _fan_out(fan_out: ast.FanOut | None) -> str:
    if fan_out is None:
        return ""
    if fan_out.high == fan_out.low:
        return f"{fan_out.low}x "
    return f"{fan_out.low}..{'' if fan_out.high is None else fan_out.high}x "


# Types and signatures


def type_words(given: ast.Type) -> Words:
    """`T[*B, H]`, `{bf16, f16}[H]`, `int[]`."""
    if isinstance(given, ast.PlainType):
        return words(given.name.text + ("[]" if given.is_list else ""))
    dtypes = ", ".join(name.text for name in given.dtype)
    dims = bracketed("[", [value_words(dim) for dim in given.dims], "]")
    return glue(f"{{{dtypes}}}" if given.is_set else dtypes, dims)


def parameter_words(parameter: ast.Parameter) -> Words:
    """`mut x: T[M]? = none`."""
    start = f"{'mut ' if parameter.mutable else ''}{parameter.name.text}: "
    printed = glue(start, type_words(parameter.type), "?" if parameter.optional else "")
    return glue(printed, " = ", value_words(parameter.default)) if parameter.default else printed


def parameters_words(parameters: tuple[ast.Parameter, ...]) -> Words:
    return bracketed("(", [parameter_words(parameter) for parameter in parameters], ")")


def pattern_parameter_words(parameter: ast.PatternParameter) -> Words:
    """`g in {64, 128}` or `(f, g) in {(a, b), (c, d)}`."""
    names = ", ".join(name.text for name in parameter.names)
    start = names if len(parameter.names) == 1 else f"({names})"
    return glue(f"{start} in ", bracketed("{", [_option(option) for option in parameter.options], "}"))


# Statements and chains


def targets_text(statement: ast.Statement) -> str:
    """What stands before the `=` of a statement."""
    return ", ".join(name_text(target) for target in statement.targets)


def statement_words(statement: ast.Statement, width: int = 0) -> Words:
    """`a, _ = value`, with the targets padded to a width, so that the statements of a block line up."""
    return glue(f"{targets_text(statement).ljust(width)} = ", deeper(value_words(statement.value)))


def chain_words(chain: ast.Chain) -> Words:
    """`a -> b -> 2x c`."""
    return joined([_element(element) for element in chain.elements], "-> ")


def _element(element: ast.ChainOp | ast.Group | ast.Alternatives) -> Words:
    if isinstance(element, ast.ChainOp):
        label = f"{element.label.text}: " if element.label else ""
        arguments = "" if element.arguments is None else deeper(arguments_words(element.arguments))
        optional = "?" if element.optional else ""
        return glue(f"{label}{_fan_out(element.fan_out)}{element.function.text}", arguments, optional)
    chains = [chain_words(chain) for chain in element.chains]
    if isinstance(element, ast.Group):
        return bracketed("(", chains, ")")
    return glue("(", deeper(separated(chains, " |")), ")")


def name_text(name: ast.Name | ast.Wildcard) -> str:
    return name.text if isinstance(name, ast.Name) else "_"


def targets_words(targets: tuple[ast.Target, ...]) -> str:
    """`on gfx942, sm_90+`."""
    return "on " + ", ".join(target.name + ("+" if target.or_newer else "") for target in targets)
