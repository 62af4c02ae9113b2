"""Which placements are matches: rules 2, 4 and 5 of the language reference, one predicate after the other.

In: a pattern, the declared ops, a placement, a `World`. Out: `judge`: a `Candidate`, or the rule that is broken.
What the rules mean is worked out on the graph as it would be afterwards: readers of replaced values read the
replacement, and what nothing alive reads is dead. Not covered, and not generated: `only`, `restride`, aliases,
views on the right, in-place ops outside functional forms, patterns with more than one op that has an effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from oracle_graph import Node, Ref
from oracle_match import Placement
from oracle_ops import OPS
from oracle_types import Dims, dims_of, flattened, holds, may_replace, unify, written
from oracle_values import Value, World

from patdsl.graph import Pattern, RightStep, RightView
from patdsl.op_table import Effect, Op, Tensor, Use


@attrs.frozen
class Candidate:
    """A match before rule 3."""

    pattern: Pattern
    names: Mapping[str, Any]
    costly: frozenset[str]
    dying: frozenset[str]
    reads: frozenset[Value]
    replaced: frozenset[Value]


@attrs.frozen
class _Right:
    """What the right side reads, the values that give way, and those of them that become one with others."""

    reads: frozenset[Value]
    replaced: frozenset[Value]
    merged: frozenset[Value]
    effects: frozenset[Effect]


def judge(pattern: Pattern, ops: Mapping[str, Op], place: Placement, world: World) -> Candidate | str:
    """The candidate, or the first rule broken."""
    if not holds(pattern, place.names):
        return "where"
    right = _right(pattern, ops, place)
    if right is None:
        return "typed"
    costly = place.costly(world)
    kept = {name for step, name in place.matched if any(made in pattern.keep for _, made in step.results)}
    dying = costly - kept
    alive = _alive(world, dying, costly, right)
    if not dying or not dying.isdisjoint(alive):
        return "profit"
    if any(world.storage(world.holders(value)[0]) in world.poked for value in right.merged):
        return "sound"
    if not _edges_hold(place, world) or not _has_place(place, world, dying, alive, right):
        return "sound"
    return Candidate(pattern, place.names, costly, dying, right.reads, right.replaced)


def _right(pattern: Pattern, ops: Mapping[str, Op], place: Placement) -> _Right | None:
    """Rule 5: every call takes what it is given, and every replaced value keeps its shape."""
    reads: set[Value] = set()
    made: dict[tuple[str, int | None], Dims] = {}
    for step in pattern.right:
        op = ops[_op(step)]
        assert isinstance(step, RightStep)
        for branch in _branches(step.fan_out, place):
            given = {}
            for param, operand in step.args:
                assert isinstance(operand, Use)
                given[param] = _resolve(operand.value, branch, step.fan_out, place, made)
            reads |= {value for value in given.values() if isinstance(value, Value)}
            shapes = _call(op, given)
            if shapes is None:
                return None
            made.update({(name, branch): shapes[result] for result, name in step.results})
    replaced: dict[Any, set[Value]] = {}
    for each in pattern.replaces:
        for branch in _branches(each.fan_out, place):
            old = _left(each.left, branch, each.fan_out, place)
            new = next(key for key in ((each.right, branch), (each.right, None)) if key in made)
            if not may_replace(dims_of(old.shape), made[new], each.view):
                return None
            replaced.setdefault(new, set()).add(old)
    effects = frozenset(effect for step in pattern.right for effect in ops[_op(step)].effects)
    merged = [value for values in replaced.values() if len(values) > 1 for value in values]
    return _Right(frozenset(reads), frozenset().union(*replaced.values()), frozenset(merged), effects)


def _op(step: RightStep | RightView) -> str:
    assert isinstance(step, RightStep), "the oracle knows no views on the right"
    return step.op


def _branches(fan_out: str | None, place: Placement) -> list[int | None]:
    return [None] if fan_out is None else list(range(len(place.branches[fan_out])))


def _left(name: str, branch: int | None, fan_out: str | None, place: Placement) -> Any:
    own = {} if fan_out is None or branch is None else place.branches[fan_out][branch]
    return own[name] if name in own else place.names[name]


def _resolve(
    name: str, branch: int | None, fan_out: str | None, place: Placement, made: Mapping[Any, Any]
) -> Any:
    """Dims where the right side makes it, else what the left side bound."""
    for key in ((name, branch), (name, None)):
        if key in made:
            return made[key]
    return _left(name, branch, fan_out, place)


def _call(op: Op, given: Mapping[str, Any]) -> dict[str, Dims] | None:
    """The dims of every result, or None where a parameter does not take what it is given."""
    bound: dict[str, Any] = {}
    for param in op.params:
        if isinstance(param.type, Tensor):
            value = given[param.name]
            dims = dims_of(value.shape) if isinstance(value, Value) else value
            if not unify(param.type, flattened(param.type, dims), bound):
                return None
    results = {}
    for result in op.results:
        assert isinstance(result.type, Tensor)
        results[result.name] = written(result.type, bound)
    return results


# rule 2


def _alive(world: World, dying: frozenset[str], costly: frozenset[str], right: _Right) -> set[str]:
    """Nodes that are alive after the rewrite: what is returned, what writes, other ops with a cost, what stays, what
    the replacement reads, and what these read.
    """
    alive: set[str] = set()

    def keep(name: str, redirected: frozenset[Value]) -> None:
        if name not in alive:
            alive.add(name)
            for ref in world.nodes[name].args:
                if world.value(ref) not in redirected:
                    keep(ref.node, redirected)

    for value in right.reads:
        keep(world.holders(value)[0].node, frozenset())
    for ref in world.graph.outputs:
        if world.value(ref) not in right.replaced:
            keep(ref.node, right.replaced)
    for node in world.graph.nodes:
        if node.kind == "poke" or (world.is_costly(node.name) and node.name not in dying):
            keep(node.name, right.replaced)
    return alive


# rule 4


def _edges_hold(place: Placement, world: World) -> bool:
    """What one matched op makes is what another reads: nothing writes it in between."""
    for _, maker in place.matched:
        for _, reader in place.matched:
            for ref in world.nodes[reader].args:
                memory = {world.storage(ref)}
                if memory == {maker} and world.written_between(memory, world.at[maker], world.at[reader]):
                    return False
    return True


def _has_place(place: Placement, world: World, dying: frozenset[str], alive: set[str], right: _Right) -> bool:
    """There is a position behind everything that is read and in front of everybody who reads what is replaced, on the
    way to which nothing writes what is read or has the same effect.
    """
    first = max((world.at[world.holders(value)[0].node] + 1 for value in right.reads), default=0)
    readers = [
        world.at[name]
        for name in alive - dying
        if any(world.value(ref) in right.replaced for ref in world.nodes[name].args)
    ]
    last = min(readers, default=len(world.graph.nodes))
    return any(
        all(_may_move(world.nodes[name], to, world, name in dying, place, right) for _, name in place.matched)
        for to in range(first, last + 1)
    )


def _may_move(node: Node, to: int, world: World, dies: bool, place: Placement, right: _Right) -> bool:
    """What dies moves, with the effects of the replacement. What stays counts too where the replacement reads its
    operands again.
    """
    at = world.at[node.name]
    start, end = (at + 1, to) if at < to else (to, at)
    memory = {world.storage(ref) for ref in node.args}
    if not dies:
        memory &= {world.storage(world.holders(value)[0]) for value in right.reads}
    if world.written_between(memory, start, end):
        return False
    matched = {name for _, name in place.matched}
    passed = [other for other in world.graph.nodes[start:end] if other.name not in matched]
    theirs = [OPS[other.op].effect for other in passed if other.kind == "call" and OPS[other.op].effect]
    return not (dies and right.effects) or all(
        effect.read_only and other == "read" for effect in right.effects for other in theirs
    )


def ref_of(holder: str) -> Ref:
    """The result that an fx node of this name holds."""
    name, _, index = holder.partition("_g")
    return Ref(name, int(index or 0))
