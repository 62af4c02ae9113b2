"""An op that may stand on an edge of a chain: `name: op?`, which the right side does again.

In: a pattern, the part of its chain at whose edge something stands, the `Spelling` of that. Out: `Edit`s: the op on the
left, and on the right at each place where it can stand.
"""

from __future__ import annotations

from collections.abc import Iterator

from patdsl.compiler.ast_to_graph import Unit
from patdsl.explain.cause import Spelling
from patdsl.explain.edit import Edit, literal
from patdsl.expr import Lit, Ref
from patdsl.match.protocol import Handle
from patdsl.op_table import Give, Op, TorchCall
from patdsl.syntax import ast_nodes as ast

_LABEL = "between"


def optional_op_edits(
    unit: Unit, decl: ast.PatternDecl, node: ast.ChainOp, spelling: Spelling
) -> Iterator[Edit]:
    """The pattern with the op on the edge into `node`, or out of it where the op stands above what the pattern has."""
    if not isinstance(decl.right, ast.Chain) or _LABEL in decl.span.text:
        return
    source = decl.span.source
    for name, call in _calls(unit, spelling):
        optional = f"{_LABEL}: {call}?"
        left = (node.span.start, f"{optional} -> ") if spelling.below else (node.span.end, f" -> {optional}")
        look = (
            f"the right side does '{name}' at another place: that must compute the same, "
            "which `patdsl verify` compares"
        )
        for right in _places(decl.right):
            text = source.text
            for at, more in sorted((left, right), reverse=True):
                text = f"{text[:at]}{more}{text[at:]}"
            yield Edit(source, text, f"let '{name}' stand on this edge", look)


def _places(right: ast.Chain) -> Iterator[tuple[int, str]]:
    """Between two ops, in front of all, behind all."""
    first, *others = right.elements
    for element in others:
        yield element.span.start, f"{_LABEL}? -> "
    yield first.span.start, f"{_LABEL}? -> "
    yield right.elements[-1].span.end, f" -> {_LABEL}?"


def _calls(unit: Unit, spelling: Spelling) -> Iterator[tuple[str, str]]:
    """The ops that a file sees and that the call may be, each with its arguments written."""
    for name, op in unit.ops.items():
        for binding in op.bindings:
            if isinstance(binding, TorchCall) and binding.target == spelling.target:
                arguments = _arguments(op, binding, spelling)
                if arguments is not None:
                    yield name, f"{name}({', '.join(arguments)})" if arguments else name


def _arguments(op: Op, binding: TorchCall, spelling: Spelling) -> list[str] | None:
    """What the op is given beside the value that it takes; None where that is no constant."""
    written = []
    for key, template in binding.args:
        positional = isinstance(key, int) and key < len(spelling.args)
        if not positional and key not in spelling.kwargs:
            continue
        value = spelling.args[key] if isinstance(key, int) else spelling.kwargs[key]
        if not isinstance(template, Give) or not isinstance(template.value, Ref):
            continue
        param = op.param.get(template.value.name)
        if param is None or param is op.params[0]:
            continue
        text = None if isinstance(value, Handle) else literal(value)
        if text is None:
            return None
        if not (isinstance(param.default, Lit) and param.default.value == value):
            written.append(f"{param.name}={text}")
    return written
