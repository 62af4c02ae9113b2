"""A file's bindings against the torch ops that are registered in this process.

In: a file's AST and unit, and what finds a schema by name. Out: PAT505 findings, at the bindings. A binding whose op is
not registered is not looked at: compiling needs no op to exist.
"""

from __future__ import annotations

from collections.abc import Callable

from patdsl.compiler.ast_to_graph import Unit
from patdsl.diagnostic import Diagnostic, Note
from patdsl.op_table import TorchCall
from patdsl.schema_check import Schema, contradictions
from patdsl.syntax import ast_nodes as ast


def schema_findings(
    file: ast.File, unit: Unit, schema_of: Callable[[str], Schema | None]
) -> list[Diagnostic]:
    """One finding for each binding that its schema contradicts."""
    found = []
    for decl in file.declarations:
        op = unit.own_ops.get(decl.name.text) if isinstance(decl, ast.OpDecl) else None
        if op is None or not isinstance(decl, ast.OpDecl):
            continue
        for written, binding in zip(decl.bindings, op.bindings, strict=True):
            schema = schema_of(binding.target) if isinstance(binding, TorchCall) else None
            if schema is None or not isinstance(binding, TorchCall) or written.op is None:
                continue
            wrong = contradictions(op, binding, schema)
            if wrong:
                found.append(
                    Diagnostic(
                        "PAT505",
                        f"`{binding.target}` is not as `{op.name}` declares it: {wrong[0]}",
                        written.op.span,
                        (*(Note(reason) for reason in wrong[1:]), Note(f"torch's schema: {schema}")),
                        "mend the template, or the declaration",
                    )
                )
    return found
