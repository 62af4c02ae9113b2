"""One resolved pattern variant as people read it: what it matches, what it puts there, on which conditions.

In: a `graph.Pattern` and the op table. Out: lines of text for people; nothing reads them back.
"""

from __future__ import annotations

from collections.abc import Mapping

from patdsl.expr_to_text import expr_text
from patdsl.graph import Pattern, Replace, RightStep, RightView
from patdsl.op_table import FanOut, Op
from patdsl.op_to_text import block_lines, operand_text, targets_text, times_text


def matches_lines(pattern: Pattern) -> list[str]:
    """The ops that must be in the graph."""
    return block_lines(pattern.left)


def puts_lines(pattern: Pattern) -> list[str]:
    """The ops that take their place, then which value stands for which."""
    fan_outs = {fan_out.name: fan_out for fan_out in pattern.left.fan_outs}
    steps = [_right_text(step, fan_outs) for step in pattern.right]
    return steps + [_replace_text(replace, fan_outs) for replace in pattern.replaces]


def conditions(pattern: Pattern, ops: Mapping[str, Op]) -> list[str]:
    """Every clause of the pattern, and what the ops on its right side demand of their inputs."""
    found = [f"where {expr_text(condition)}" for condition in pattern.where]
    if pattern.targets:
        found.append(f"on {targets_text(pattern.targets)}")
    for clause, names in (("keep", pattern.keep), ("rounds", pattern.rounds), ("restride", pattern.restride)):
        if names:
            found.append(f"{clause} {', '.join(names)}")
    found += [f"prefer {pattern.name} over {other}" for other in pattern.over]
    found += [f"only {only.value} -> {only.op}.{only.param}" for only in pattern.only]
    called = dict.fromkeys(step.op for step in pattern.right if isinstance(step, RightStep))
    found += [
        f"where {expr_text(condition)}  (from {name})"
        for name in called
        if name in ops
        for condition in ops[name].where
    ]
    return found


def _right_text(step: RightStep | RightView, fan_outs: Mapping[str, FanOut]) -> str:
    times = times_text(step.fan_out, fan_outs)
    if isinstance(step, RightView):
        return f"{step.value} = {times}view({step.source}, {expr_text(step.dims)})"
    args = (
        f"{name}={f'flatten({operand_text(operand)})' if name in step.flatten else operand_text(operand)}"
        for name, operand in step.args
    )
    results = ", ".join(value for _, value in step.results) or "_"
    return f"{results} = {times}{step.op}({', '.join(args)})"


def _replace_text(replace: Replace, fan_outs: Mapping[str, FanOut]) -> str:
    each = " of each branch" if replace.fan_out in fan_outs else ""
    view = ", viewed as it" if replace.view else ""
    return f"{replace.left}{each} becomes {replace.right}{view}"
