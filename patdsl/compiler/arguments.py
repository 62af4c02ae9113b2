"""Written arguments and the parameters that they are for.

In: an op and the arguments of a call. Out: each argument with its parameter, and the names that expressions
write. Reports parameters that the op does not have, arguments given twice, arguments too many. Resolves no
value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patdsl.compiler.near_names import suggestion
from patdsl.diagnostic import Diagnostics, Note
from patdsl.op_table import Op
from patdsl.syntax import ast_nodes as ast


def assigned(
    op: Op, arguments: Iterable[ast.Argument], fed: str | None, declared: Note, diagnostics: Diagnostics
) -> Iterator[tuple[str, ast.Argument]]:
    """Each argument with the name of its parameter. `fed` is the one that an arrow feeds; positions count
    without it.
    """
    given = set() if fed is None else {fed}
    names = [param.name for param in op.params if param.name != fed]
    position = 0
    for argument in arguments:
        if argument.name is not None:
            name = argument.name.text
            if name not in op.param:
                diagnostics.add(
                    "PAT204",
                    argument.name.span,
                    f"`{op.name}` has no parameter `{name}`",
                    notes=[declared],
                    help=suggestion(name, op.param) or f"parameters: {', '.join(op.param)}",
                )
                continue
        elif position < len(names):
            name = names[position]
            position += 1
        else:
            diagnostics.add(
                "PAT205",
                argument.span,
                f"`{op.name}` takes {len(op.params)} argument{'s' * (len(op.params) != 1)}"
                + (f", `{fed}` is fed by the arrow" if fed else ""),
                notes=[declared],
                help=f"parameters: {', '.join(op.param) or 'none'}",
            )
            return
        if name in given:
            diagnostics.add(
                "PAT204",
                argument.span,
                f"`{name}` of `{op.name}` is given twice",
                help="the arrow feeds it" if fed == name else "leave one of them",
            )
            continue
        given.add(name)
        yield name, argument


def names_written(expr: ast.Expr) -> list[ast.Name]:
    """Every name that an expression writes, functions and ops aside, in order."""
    if isinstance(expr, ast.Name):
        return [expr]
    if isinstance(expr, ast.Star):
        return [expr.name]
    if isinstance(expr, ast.Unary):
        return names_written(expr.operand)
    if isinstance(expr, ast.Binary):
        return [*names_written(expr.left), *names_written(expr.right)]
    if isinstance(expr, ast.ListExpr):
        return [name for item in expr.items for name in names_written(item)]
    if isinstance(expr, ast.Call):
        return [name for argument in expr.arguments for name in names_written(argument.value)]
    return []
