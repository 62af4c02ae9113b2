"""A resolved pattern as a listing that a person can read: what is found, what is put there, on which conditions.

Used by `patdsl compile --stop-after graph|plan` and by `patdsl show`. Not a format to parse.
"""

from __future__ import annotations

from collections.abc import Iterable

from patdsl.graph import PassSpec, Pattern, RightStep, RightView
from patdsl.op_table import Anything, FanOut, Op, Step, ViewStep
from patdsl.resolved_to_text import (
    expr_text,
    fan_out_text,
    literal_text,
    operand_text,
    signature_text,
    targets_text,
    type_text,
)


def pattern_lines(pattern: Pattern, *, examples: bool) -> list[str]:
    """The listing of one variant; `examples` adds what the plan stage made."""
    fan_outs = {one.name: one for one in pattern.left.fan_outs}
    lines = [f"pattern {pattern.full_name}  # {pattern.place}"]
    for item in pattern.inputs:
        lines.append(f"  input {item.name}" + (f": {type_text(item.type)}" if item.type else ""))
    lines.append("  find")
    lines.extend(f"    {_left(step, fan_outs)}" for step in pattern.left.steps)
    lines.append("  put")
    lines.extend(f"    {_right(step, fan_outs)}" for step in pattern.right)
    lines.append("  replace")
    for one in pattern.replaces:
        each = f" in each branch of {one.fan_out}" if one.fan_out else ""
        fitted = ", viewed where leading dims differ" if one.view else ""
        lines.append(f"    {one.left} by {one.right}{each}{fitted}")
    lines.extend(f"  {clause}" for clause in _clauses(pattern))
    if examples:
        for example in pattern.examples:
            shown = (
                literal_text(example.value)
                if example.dims is None
                else f"{example.dtype}[{', '.join(map(str, example.dims))}]"
            )
            lines.append(f"  example {example.name} = {shown}")
    return lines


def _count(name: str | None, fan_outs: dict[str, FanOut]) -> str:
    return f"{fan_out_text(fan_outs[name].low, fan_outs[name].high)} " if name in fan_outs else ""


def _left(step: Step | ViewStep, fan_outs: dict[str, FanOut]) -> str:
    if isinstance(step, ViewStep):
        dims = ", ".join("_" if isinstance(dim, Anything) else expr_text(dim) for dim in step.dims)
        return f"{step.value} = view({step.source}, [{dims}])"
    results = ", ".join(value for _, value in step.results) or "_"
    operands = ", ".join(f"{name}={operand_text(operand)}" for name, operand in step.operands)
    return f"{_count(step.fan_out, fan_outs)}{results} = {step.op}({operands})"


def _right(step: RightStep | RightView, fan_outs: dict[str, FanOut]) -> str:
    if isinstance(step, RightView):
        return f"{step.value} = view({step.source}, {expr_text(step.dims)})"
    results = ", ".join(value for _, value in step.results) or "_"
    args = ", ".join(f"{name}={operand_text(operand)}" for name, operand in step.args)
    merged = f"  # leading dims merged: {', '.join(step.flatten)}" if step.flatten else ""
    return f"{_count(step.fan_out, fan_outs)}{results} = {step.op}({args}){merged}"


def _clauses(pattern: Pattern) -> Iterable[str]:
    for condition in pattern.where:
        yield f"where {expr_text(condition)}"
    if pattern.targets:
        yield f"on {targets_text(pattern.targets)}"
    for word in ("keep", "rounds", "restride"):
        names = getattr(pattern, word)
        if names:
            yield f"{word} {', '.join(names)}"
    for only in pattern.only:
        yield f"only {only.value} -> {only.op}.{only.param}"
    for other in pattern.over:
        yield f"prefer {pattern.name} over {other}"


def pass_lines(spec: PassSpec) -> list[str]:
    lines = [f"pass {spec.name}"]
    if spec.targets:
        lines.append(f"  on {targets_text(spec.targets)}")
    if spec.when is not None:
        lines.append(f"  when {expr_text(spec.when)}")
    if spec.after:
        lines.append(f"  after {', '.join(spec.after)}")
    lines.append("  patterns, larger ones first")
    lines.extend(f"    {pattern.full_name}" for pattern in spec.patterns)
    for op in spec.ops.values():
        lines.append(f"  op {signature_text(op)}")
    return lines


def op_line(op: Op) -> str:
    return f"op {signature_text(op)}  # {op.place}"
