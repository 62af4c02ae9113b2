"""The parameters that a right chain takes by name, which the left side must capture.

In: the right side of a variant, and what finds an op by name. Out: names. Reports nothing: the right side is
resolved, and its errors are found, after the left one.
"""

from __future__ import annotations

from collections.abc import Callable

from patdsl.compiler.arguments import names_written
from patdsl.compiler.block_builder import LAYOUT_NAMES
from patdsl.op_table import Op
from patdsl.syntax import ast_nodes as ast

#: The op that a name means, or None.
FindOp = Callable[[ast.Name], "Op | None"]


def names_taken(right: ast.Chain | tuple[ast.Statement, ...], find: FindOp) -> frozenset[str] | None:
    """The parameters that a right chain takes by name: of every op in it, those neither written nor fed by an
    arrow. None where it names an op that there is not: nobody knows what that would take.
    """
    if not isinstance(right, ast.Chain):
        return frozenset()
    taken: set[str] = set()
    unknown = False

    def walk(chain: ast.Chain, fed: bool) -> None:
        nonlocal unknown
        for element in chain.elements:
            if isinstance(element, (ast.Group, ast.Alternatives)):
                for inner in element.chains:
                    walk(inner, fed)
            elif isinstance(element, ast.ChainOp) and element.function.text not in LAYOUT_NAMES:
                op = find(element.function)
                if op is None:
                    unknown = True
                else:
                    taken.update(_open_params(op, element, fed))
                for argument in element.arguments or ():
                    taken.update(name.text for name in names_written(argument.value))
            fed = True

    walk(right, False)
    return None if unknown else frozenset(taken)


def _open_params(op: Op, element: ast.ChainOp, fed: bool) -> list[str]:
    arguments = element.arguments or ()
    written = {argument.name.text for argument in arguments if argument.name is not None}
    positional = sum(argument.name is None for argument in arguments)
    names = [param.name for param in op.params]
    if fed and op.first_tensor is not None:
        names.remove(op.first_tensor.name)
    return [name for name in names[positional:] if name not in written]
