"""Every way to bind a pattern's left side, by trying everything: rule 1 of the language reference.

In: a resolved pattern and a `World`. Out: `Placement`s: names and distinct nodes. Written apart from the engine: it
goes through the steps in their order and tries every node for each. Covered: calls of the ops of `oracle_ops.py`
(several results, in place, commutative, free), captures, literals, sets, `_`, `view?` and `view` on values of the
left side, fan-outs of single calls, typed inputs. Not covered, and not generated: view steps with a shape, lists,
native blocks, templates, targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from oracle_graph import Node, Ref
from oracle_ops import OPS
from oracle_types import fits
from oracle_values import Value, World, seen_through

from patdsl.expr import Lit
from patdsl.graph import Pattern
from patdsl.op_table import Anything, Const, FanOut, OneOf, Operand, Step, Through, Use

Names = Mapping[str, Any]


@attrs.frozen
class Placement:
    """`matched`: (step, node) for each matched node. `branches`: fan-out -> the names of each branch."""

    names: Names
    matched: tuple[tuple[Step, str], ...]
    branches: Mapping[str, tuple[Names, ...]]

    def costly(self, world: World) -> frozenset[str]:
        return frozenset(name for _, name in self.matched if world.is_costly(name))


def placements(pattern: Pattern, world: World) -> Iterator[Placement]:
    """Every placement whose inputs have their declared types."""
    shared = tuple(step for step in pattern.left.steps if step.fan_out is None)
    for start in _all(shared, Placement({}, (), {}), world):
        for placement in _fan_outs(pattern, pattern.left.fan_outs, start, world):
            if fits(pattern, placement.names):
                yield placement


def _all(steps: tuple[Any, ...], start: Placement, world: World) -> Iterator[Placement]:
    if not steps:
        yield start
        return
    assert isinstance(steps[0], Step), "the oracle knows no view steps"
    for extended in _one(steps[0], start, world):
        yield from _all(steps[1:], extended, world)


def _one(step: Step, at: Placement, world: World) -> Iterator[Placement]:
    """The step at every node: distinct nodes for distinct ops, free ones by what they compute."""
    seen: list[Any] = []
    for node in world.graph.nodes:
        if node.kind != "call" or node.op != step.op:
            continue
        if any(name == node.name for _, name in at.matched) and world.is_costly(node.name):
            continue
        for arguments in _arguments(node, world):
            names = _agree(step, node, arguments, at.names, world)
            if names is not None and (world.is_costly(node.name) or names not in seen):
                seen.append(names)
                yield attrs.evolve(at, names=names, matched=(*at.matched, (step, node.name)))


def _arguments(node: Node, world: World) -> list[dict[str, Any]]:
    """What the node passes for each parameter; both orders of a commutative op."""
    info = OPS[node.op]
    operands = [world.value(ref) for ref in node.args]
    orders = [operands, operands[::-1]] if info.commutative else [operands]
    numbers = {"k": node.k} if info.has_k else {}
    return [dict(zip(info.tensors, order, strict=True)) | numbers for order in orders]


def _agree(step: Step, node: Node, arguments: Names, names: Names, world: World) -> dict[str, Any] | None:
    bound = dict(names)
    for result, name in step.results:
        value = world.value(Ref(node.name, OPS[node.op].results.index(result)))
        if bound.setdefault(name, value) != value:
            return None
    for param, operand in step.operands:
        if not _operand(operand, arguments[param], bound):
            return None
    return bound


def _operand(operand: Operand, actual: Any, bound: dict[str, Any]) -> bool:
    if isinstance(operand, Use):
        return bool(bound.setdefault(operand.value, actual) == actual)
    if isinstance(operand, Through):
        source = bound[operand.value]
        return isinstance(source, Value) and seen_through(source, actual, operand.at_least)
    if isinstance(operand, Const):
        assert isinstance(operand.value, Lit)
        return bool(operand.value.value == actual)
    if isinstance(operand, OneOf):
        allowed = [option.value for option in operand.options if isinstance(option, Lit)]
        return actual in allowed and bool(bound.setdefault(operand.name, actual) == actual)
    assert isinstance(operand, Anything)
    return True


def _fan_outs(
    pattern: Pattern, fan_outs: tuple[FanOut, ...], at: Placement, world: World
) -> Iterator[Placement]:
    """All consumers that are alike, if there are as many as the fan-out takes."""
    if not fan_outs:
        yield at
        return
    fan_out, *rest = fan_outs
    steps = tuple(s for s in pattern.left.steps if isinstance(s, Step) and s.fan_out == fan_out.name)
    local = {name for step in steps for _, name in step.results}
    groups: list[tuple[dict[str, Any], list[Placement]]] = []
    for branch in _all(steps, at, world):
        own = {name: value for name, value in branch.names.items() if name not in local}
        members = next((members for names, members in groups if names == own), None)
        if members is None:
            groups.append((own, members := []))
        if not any(branch.matched == other.matched for other in members):
            members.append(branch)
    for names, members in groups:
        if fan_out.low <= len(members) and (fan_out.high is None or len(members) <= fan_out.high):
            matched = tuple(pair for each in members for pair in each.matched[len(at.matched) :])
            own_names = tuple(
                {name: each.names[name] for name in local if name in each.names} for each in members
            )
            whole = Placement(names, at.matched + matched, {**at.branches, fan_out.name: own_names})
            yield from _fan_outs(pattern, tuple(rest), whole, world)
