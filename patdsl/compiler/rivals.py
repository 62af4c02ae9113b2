"""Which patterns are worth comparing, so that comparing them grows with their number and not with its square.

In: patterns and passes. Out: pairs that are made of the same ops and differ in no written constant; for a pattern,
those of other passes whose ops it has; the order in which passes run. Compares no left sides: that is for
`embedding.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs

from patdsl.expr import Expr, names_in
from patdsl.graph import PassSpec, Pattern
from patdsl.op_table import Const, Op, Step

#: More pairs than this are compared in no file. Only patterns made of the same ops ever get to be a pair.
MOST_COMPARED = 20_000


@attrs.define
class Budget:
    """Counts the pairs compared."""

    left: int = MOST_COMPARED

    def spend(self) -> bool:
        self.left -= 1
        return self.left >= 0

    @property
    def is_spent(self) -> bool:
        return self.left < 0


def costly_ops(pattern: Pattern, ops: Mapping[str, Op]) -> list[Step]:
    """The steps of the left side that cost something."""
    return [step for step in pattern.left.steps if isinstance(step, Step) and not ops[step.op].free]


def pairs_alike(
    patterns: Sequence[Pattern], ops: Mapping[str, Op], budget: Budget
) -> Iterator[tuple[Pattern, Pattern]]:
    """Pairs of patterns that are made of the same costly ops and redefine equally many values, as the budget allows.

    Of two matches with equal ops the one that redefines fewer values wins, so others are never at odds.
    """
    alike: dict[tuple[object, ...], list[Pattern]] = {}
    for pattern in patterns:
        made_of = sorted(step.op for step in costly_ops(pattern, ops))
        alike.setdefault((len(pattern.replaces), *made_of), []).append(pattern)
    for group in alike.values():
        for one, other in _undecided(group, ops):
            if not budget.spend():
                return
            yield one, other


def _undecided(group: Sequence[Pattern], ops: Mapping[str, Op]) -> Iterator[tuple[Pattern, Pattern]]:
    """Pairs of one group, without those that ask for different constants of the argument that tells most apart."""
    written = [_constants(pattern, ops) for pattern in group]
    values: dict[tuple[str, str], Counter[Expr]] = {}
    for constants in written:
        for place, value in constants.items():
            values.setdefault(place, Counter())[value] += 1
    most = max(values, key=lambda one: len(values[one]), default=None)
    by_value: dict[Expr | None, list[Pattern]] = {None: []}
    for pattern, constants in zip(group, written, strict=True):
        wanted = constants.get(most) if most is not None else None
        for other in (
            by_value[None] if wanted is not None else [p for same in by_value.values() for p in same]
        ):
            if other.name != pattern.name:
                yield other, pattern
        if wanted is not None:
            for other in by_value.get(wanted, ()):
                if other.name != pattern.name:
                    yield other, pattern
        by_value.setdefault(wanted, []).append(pattern)


def _constants(pattern: Pattern, ops: Mapping[str, Op]) -> dict[tuple[str, str], Expr]:
    """The constants asked for, of ops that the pattern has once: only there they surely meet another pattern's."""
    steps = costly_ops(pattern, ops)
    count = Counter(step.op for step in steps)
    return {
        (step.op, param): operand.value
        for step in steps
        if count[step.op] == 1
        for param, operand in step.operands
        if isinstance(operand, Const) and not names_in(operand.value)
    }


class Takers:
    """Patterns by what they ask for: one can only take what another needs if that has its every op and constant."""

    def __init__(self, passes: Sequence[PassSpec], ops: Mapping[str, Op]) -> None:
        self._ops = ops
        self._by: dict[_Place, dict[int, list[tuple[Pattern, frozenset[_Place]]]]] = {}
        asked = [
            (at, pattern, frozenset(_places(pattern, ops)))
            for at, spec in enumerate(passes)
            for pattern in spec.patterns
            if not pattern.where and not pattern.targets
        ]
        common = Counter(place for _, _, places in asked for place in places)
        for at, pattern, places in asked:
            if places:
                rarest = min(places, key=lambda place: (common[place], str(place)))
                self._by.setdefault(rarest, {}).setdefault(at, []).append((pattern, places))

    def of(
        self, loser: Pattern, position: int, runs: PassOrder, budget: Budget
    ) -> Iterator[tuple[int, Pattern]]:
        """Patterns of passes that run before the one at `position`, each with its pass, that may starve `loser`."""
        has = dict.fromkeys(_places(loser, self._ops))
        for place in has:
            for at, patterns in self._by.get(place, {}).items():
                if at == position:
                    continue
                if not budget.spend():
                    return
                if not runs.is_before(at, position):
                    continue
                for pattern, places in patterns:
                    if pattern.name != loser.name and places <= has.keys():
                        if not budget.spend():
                            return
                        yield at, pattern


#: An op, or an op with a constant that one of its parameters is given.
_Place: TypeAlias = tuple[str, str, Expr | None]


def _places(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[_Place]:
    for step in costly_ops(pattern, ops):
        yield step.op, "", None
        for param, operand in step.operands:
            if isinstance(operand, Const) and not names_in(operand.value):
                yield step.op, param, operand.value


class PassOrder:
    """Which pass is known to run before which: by `after`, directly or not, else as written in the file."""

    def __init__(self, passes: Sequence[PassSpec]) -> None:
        self._passes = passes
        self._after = {spec.name: spec.after for spec in passes}
        self._all: dict[str, frozenset[str]] = {}

    def is_before(self, one: int, other: int) -> bool:
        first, second = self._passes[one].name, self._passes[other].name
        if first in self._waits_for(second):
            return True
        return one < other and second not in self._waits_for(first)

    def _waits_for(self, name: str) -> frozenset[str]:
        if name not in self._all:
            found: set[str] = set()
            waiting = list(self._after.get(name, ()))
            while waiting:
                earlier = waiting.pop()
                if earlier not in found:
                    found.add(earlier)
                    waiting.extend(self._after.get(earlier, ()))
            self._all[name] = frozenset(found)
        return self._all[name]
