"""Where a pattern's part stands in its `.pat` file.

In: a unit, a pattern, a `Cause`. Out: the `Span` of the op, condition or declaration that the cause is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.explain.cause import Cause
from patdsl.graph import Pattern
from patdsl.match.join import AnyStep
from patdsl.op_table import Step
from patdsl.resolved_to_text import expr_text
from patdsl.source import Span
from patdsl.syntax import ast_nodes as ast


def span_of(unit: Unit, pattern: Pattern, cause: Cause | None) -> Span:
    """The place that the cause is about; the pattern's name where it is about no part."""
    decl = unit.decls[pattern.name]
    if cause is not None and cause.step is not None:
        found = step_node(unit, pattern, cause.step)
        if found is not None:
            return call_span(found)
    if cause is not None and cause.kind == "where":
        wheres = [clause for clause in decl.clauses if isinstance(clause, ast.Where)]
        if len(wheres) == len(pattern.where):
            for clause, condition in zip(wheres, pattern.where, strict=True):
                if cause.message.startswith(expr_text(condition)):
                    return clause.condition.span
    return decl.name.span


def step_node(unit: Unit, pattern: Pattern, step: AnyStep) -> Any:
    """The AST of a step: a `ChainOp`, or a call in a block; None where it is not found."""
    decl = unit.decls[pattern.name]
    if not isinstance(step, Step):
        return None
    mine = [
        each
        for each in pattern.left.steps
        if isinstance(each, Step) and (each.op, each.line) == (step.op, step.line)
    ]
    calls = [call for call in calls_in(decl.left) if _names(unit, call, step) and _line(call) == step.line]
    at = mine.index(step) if step in mine else 0
    return calls[min(at, len(calls) - 1)] if calls else None


def _names(unit: Unit, call: Any, step: Step) -> bool:
    name = call.function.text
    return name == step.op or (name in unit.ops and unit.ops[name] is unit.table.get(step.op))


def calls_in(value: Any) -> Iterator[Any]:
    """Every call of an op in a part of the AST, in the order of the text."""
    if isinstance(value, tuple):
        for item in value:
            yield from calls_in(item)
    elif attrs.has(type(value)):
        if isinstance(getattr(value, "function", None), ast.Name):
            yield value
        for field in attrs.fields(type(value)):
            yield from calls_in(getattr(value, field.name)) if field.name != "span" else ()


def call_span(call: Any) -> Span:
    """The op's name and its arguments, without a label or a count."""
    function: Span = call.function.span
    return function.to(call.span) if call.span.end > function.start else function


def _line(call: Any) -> int:
    line: int = call.function.span.source.line_column(call.function.span.start)[0]
    return line
