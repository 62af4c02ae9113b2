"""Which patterns of a pass a graph can hold at all, found without looking at each pattern.

In: patterns, the ops of a pass, a target; later the sites of a graph. Out: the patterns whose every op occurs and whose
literals occur as those ops' arguments, in the order of declaration. What it leaves out cannot match; what it gives may.
Built once for a pass; the cost of a look grows with the graph and with what may match, hardly with the patterns.

Patterns are sorted by the torch ops that can compute their least shared op, then by the set of their ops, then by one
literal argument. Patterns that differ on the right side alone share a number, so that their places are found once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from patdsl.expr import Lit
from patdsl.graph import Pattern
from patdsl.match.context import Context
from patdsl.match.resolve import resolve_all
from patdsl.match.sites import Sites, is_literal
from patdsl.op_table import Const, Op, Step, TorchCall, Type, reached

#: An op's parameter, and the literal that a pattern wants there.
Place = tuple[str, str]
#: A literal is looked for where its op has at most so many times the sites of the pattern's rarest op.
COMMON = 4


@attrs.frozen(eq=False)
class Indexed:
    """A pattern, as the target reads it too. Patterns of equal left sides and inputs have equal `left`."""

    at: int
    pattern: Pattern
    resolved: Pattern
    types: Mapping[str, Type]
    ops: frozenset[str]
    literal: tuple[Place, Any] | None
    left: int


@attrs.define
class Group:
    """Patterns over one set of ops: those without a literal, and the others by place and literal."""

    plain: list[Indexed] = attrs.Factory(list)
    literal: dict[Place, dict[Hashable, list[Indexed]]] = attrs.Factory(dict)

    def add(self, entry: Indexed) -> None:
        if entry.literal is None:
            self.plain.append(entry)
        else:
            place, value = entry.literal
            self.literal.setdefault(place, {}).setdefault(value, []).append(entry)


class PatternIndex:
    """The patterns of one pass on one target."""

    def __init__(self, patterns: Sequence[Pattern], context: Context) -> None:
        self.context = context
        lefts: dict[Hashable, int] = {}
        self.entries = [_entry(at, pattern, context.target, lefts) for at, pattern in enumerate(patterns)]
        uses = Counter(op for entry in self.entries for op in entry.ops)
        #: Op -> its groups, by all their ops. The op is the one that the fewest patterns use.
        self._groups: dict[str, dict[frozenset[str], Group]] = {}
        for entry in self.entries:
            key = min(sorted(entry.ops), key=uses.__getitem__)
            self._groups.setdefault(key, {}).setdefault(entry.ops, Group()).add(entry)
        self._by_target, self._blocks = _targets(self._groups, context.ops)

    def candidates(self, sites: Sites) -> list[Indexed]:
        """The patterns that may hold in a graph."""
        found: list[Indexed] = []
        for op in self._present(sites):
            for ops, group in self._groups[op].items():
                if all(sites.count(each) for each in ops):
                    found.extend(_matching(group, ops, sites))
        return sorted(found, key=lambda entry: entry.at)

    def _present(self, sites: Sites) -> Iterable[str]:
        """Ops of `_groups` that may have a site."""
        called = (op for target in sites.view.targets for op in self._by_target.get(target, ()))
        return dict.fromkeys((*called, *self._blocks))

    def missing(self, sites: Sites, entry: Indexed) -> str | None:
        """The first thing that a pattern needs and a graph does not have, in words; None where it may hold."""
        for step in entry.resolved.left.steps:
            if isinstance(step, Step) and not sites.count(step.op):
                return f"no call of {step.op}"
        if entry.literal is not None:
            (op, param), value = entry.literal
            if value not in (seen := set(sites.literals(op, param))) and None not in seen:
                return f"no call of {op} with {param} = {value!r}"
        return None


def _matching(group: Group, ops: frozenset[str], sites: Sites) -> Iterator[Indexed]:
    yield from group.plain
    rarest = min(map(sites.count, ops))
    for (op, param), by_value in group.literal.items():
        if sites.count(op) > COMMON * rarest:
            values: Iterable[Hashable] = by_value
        else:
            seen = sites.literals(op, param)
            values = by_value if None in seen else seen
        for value in values:
            yield from by_value.get(value, ())


def _entry(at: int, pattern: Pattern, target: str, lefts: dict[Hashable, int]) -> Indexed:
    resolved: Pattern = resolve_all(pattern, target)
    types = {each.name: each.type for each in resolved.inputs if each.type is not None}
    steps = [step for step in resolved.left.steps if isinstance(step, Step)]
    literals = (
        ((step.op, param), operand.value.value)
        for step in steps
        for param, operand in step.operands
        if isinstance(operand, Const) and isinstance(operand.value, Lit) and is_literal(operand.value.value)
    )
    left = lefts.setdefault((resolved.left, tuple(types.items())), len(lefts))
    ops = frozenset(step.op for step in steps)
    return Indexed(at, pattern, resolved, types, ops, next(literals, None), left)


def _targets(wanted: Iterable[str], ops: Mapping[str, Op]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Torch op -> the wanted ops that a call of it may be, and the ops that may be something else than one call."""
    by_target: dict[str, list[str]] = {}
    others: dict[str, None] = {}
    for name in wanted:
        for binding in reached(name, ops):
            if isinstance(binding, TorchCall):
                by_target.setdefault(binding.target, []).append(name)
            else:
                others.setdefault(name)
    return by_target, tuple(others)
