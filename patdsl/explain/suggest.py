"""The smallest change to a `.pat` file under which a pattern would match where it does not.

In: a `Verdict` with its cause, the unit that declares the pattern, and a way to look at the graph again with a changed
text. Out: a `Suggestion`, which has been tried: the changed file compiles and the pattern takes the place. No file is
written.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.explain.add_binding import binding_edits
from patdsl.explain.add_optional_op import optional_op_edits
from patdsl.explain.cause import Cause, Spelling, Verdict
from patdsl.explain.edit import Edit, literal, replaced
from patdsl.explain.spans import step_node
from patdsl.graph import RightStep
from patdsl.op_table import Const, OneOf, Step, Through, Use
from patdsl.resolved_to_text import expr_text
from patdsl.source import Span
from patdsl.syntax import ast_nodes as ast


@attrs.frozen
class Suggestion:
    """`diff` in the unified form; `look` is what to make sure of, empty where the change is safe."""

    what: str
    diff: str
    look: str


#: Whether the pattern matches at the place with the edited text.
Try = Callable[[Verdict, Edit], bool]


def suggest(verdict: Verdict, unit: Unit, holds: Try) -> Suggestion | None:
    """The first change that was seen to work; None where no small one does."""
    if verdict.cause is None:
        return None
    for edit in _edits(verdict, verdict.cause, unit):
        if holds(verdict, edit):
            return Suggestion(edit.what, _diff(edit), edit.look)
    return None


def _diff(edit: Edit) -> str:
    name = edit.source.name
    before, after = edit.source.text.splitlines(keepends=True), edit.text.splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, name, name, n=0)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines).rstrip("\n")


def _edits(verdict: Verdict, cause: Cause, unit: Unit) -> Iterator[Edit]:
    step = cause.step
    node = step_node(unit, verdict.pattern, step) if step is not None else None
    if cause.kind == "view" and node is not None:
        yield from _view(node, step)
    elif cause.kind == "count" and node is not None and type(cause.actual) is int:
        yield from _count(node, unit.decls[verdict.pattern.name], cause.actual)
    elif cause.kind == "attribute" and node is not None and isinstance(step, Step) and cause.param:
        yield from _attribute(node, step, cause)
    elif cause.kind == "op" and isinstance(step, Step) and isinstance(cause.actual, Spelling):
        yield from binding_edits(unit, step, cause.actual)
    elif cause.kind == "between" and isinstance(node, ast.ChainOp) and isinstance(cause.actual, Spelling):
        yield from optional_op_edits(unit, unit.decls[verdict.pattern.name], node, cause.actual)
    elif cause.kind == "user" and isinstance(step, Step):
        yield from _keep(unit.decls[verdict.pattern.name], step)
    elif cause.kind == "off":
        yield from _targets(unit, verdict, cause.actual)


def _view(node: Any, step: Any) -> Iterator[Edit]:
    """`view?` on the edge into an op."""
    if isinstance(node, ast.ChainOp):
        at = Span(node.span.source, node.span.start, node.span.start)
        yield Edit(node.span.source, replaced(at, "view? -> "), "let a view stand on this edge")
        return
    written = {operand.value for _, operand in step.operands if isinstance(operand, (Use, Through))}
    for argument in node.arguments:
        value = argument.value
        if isinstance(value, ast.Name) and value.text in written:
            edited = replaced(value.span, f"view?({value.text})")
            yield Edit(value.span.source, edited, "let a view stand on this edge")


def _count(node: Any, decl: ast.PatternDecl, count: int) -> Iterator[Edit]:
    """The fan-out's count, on both sides: up to any number where there are more than it takes."""
    fan_out = node.fan_out
    if fan_out is None:
        return
    spans = sorted(
        {
            each.span.start: each.span
            for each in _fan_outs((decl.left, decl.right))
            if each.span.text == fan_out.span.text
        }.values(),
        key=lambda span: -span.start,
    )
    open_end = f"{min(fan_out.low, count)}..x"
    for new in (open_end, f"{count}x") if count > fan_out.low else (f"{count}x", open_end):
        text = decl.span.source.text
        for span in spans:
            text = f"{text[: span.start]}{new}{text[span.end :]}"
        yield Edit(decl.span.source, text, f"take {new} in the place of {fan_out.span.text}")


def _fan_outs(value: Any) -> Iterator[ast.FanOut]:
    if isinstance(value, ast.FanOut):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _fan_outs(item)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from _fan_outs(getattr(value, field.name)) if field.name != "span" else ()


def _attribute(node: Any, step: Step, cause: Cause) -> Iterator[Edit]:
    """One more value where the pattern wants one or a set."""
    operand = dict(step.operands).get(cause.param or "")
    actual = literal(cause.actual)
    if actual is None or not isinstance(operand, (Const, OneOf)):
        return
    argument = _argument(node, step, cause.param or "")
    if argument is None:
        return
    if isinstance(operand, OneOf):
        options = ", ".join((*map(expr_text, operand.options), actual))
        name = operand.name
    else:
        options, name = f"{expr_text(operand.value)}, {actual}", cause.param or ""
    look = f"the right side must mean the same with {cause.param} = {actual}, and be given it"
    edited = replaced(argument.value.span, f"{name} in {{{options}}}")
    yield Edit(argument.value.span.source, edited, f"allow {cause.param} = {actual} too", look)


def _argument(node: Any, step: Step, param: str) -> Any:
    """The argument of a call that gives a parameter."""
    for at, argument in enumerate(node.arguments or ()):
        if argument.name is not None:
            if argument.name.text == param:
                return argument
        elif isinstance(node, ast.Call) and at < len(step.operands) and step.operands[at][0] == param:
            return argument
    return None


def _keep(decl: ast.PatternDecl, step: Step) -> Iterator[Edit]:
    """`keep`: the op whose value somebody else reads stays."""
    at = Span(decl.span.source, decl.span.end - 1, decl.span.end - 1)
    inline = "\n" not in decl.span.text
    for _, name in step.results:
        clause = f"keep {name} " if inline else f"  keep {name}\n"
        look = f"'{step.op}' is then computed twice: once inside the fused op, once for whoever else reads {name}"
        yield Edit(
            decl.span.source, replaced(at, clause), f"keep '{step.op}' for whoever else reads {name}", look
        )


def _targets(unit: Unit, verdict: Verdict, target: Any) -> Iterator[Edit]:
    """One more target where the pattern names some, or a binding of an op that its right side calls."""
    decl = unit.decls[verdict.pattern.name]
    named = [clause.targets for clause in decl.clauses if isinstance(clause, ast.On)]
    for step in verdict.pattern.right:
        if isinstance(step, RightStep) and step.op in unit.op_decls:
            named += [binding.targets for binding in unit.op_decls[step.op].bindings]
    for targets in named:
        if targets and isinstance(target, str):
            last = targets[-1].span
            look = f"the ops of the right side must be there and right on {target}"
            edited = replaced(last, f"{last.text}, {target}")
            yield Edit(last.source, edited, f"turn {verdict.pattern.name} on for {target} too", look)
