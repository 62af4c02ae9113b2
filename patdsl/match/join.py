"""Joins sites into solutions of a block's steps.

In: steps, and a `Solution` that has some names bound. Out: every `Solution` that binds them all: sites whose
values agree, on distinct costly nodes. Goes along edges from what is bound: up to the producer of a value, down
to its users, through views where the edge allows; a step that touches nothing bound is tried at all its sites.
`Budget` bounds the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs

from patdsl.expr import EvaluationError, evaluate
from patdsl.match.bindings import Dims, Names, same
from patdsl.match.found import Site, Value
from patdsl.match.sites import Sites
from patdsl.op_table import (
    Anything,
    Const,
    OneOf,
    Operand,
    Step,
    Through,
    Type,
    Use,
    Values,
    ViewStep,
)

AnyStep = Step | ViewStep


class OutOfBudgetError(Exception):
    """Too many ways to bind were tried at one place."""


@attrs.define
class Budget:
    """How many more sites may be tried, and of `whole`, which several budgets may draw on."""

    left: int
    whole: Budget | None = None

    def spend(self, tries: int = 1) -> None:
        self.left -= tries
        if self.left < 0:
            raise OutOfBudgetError
        if self.whole is not None:
            self.whole.spend(tries)


@attrs.frozen
class Seen:
    """A value is the named one seen through views. `at_least` layout ops that keep the last dim; None: any view."""

    name: str
    value: Value[Any]
    at_least: int | None


@attrs.frozen
class Solution:
    """Names bound so far, the site of each matched step, their costly nodes, and what unbound names must agree
    with.
    """

    names: Names
    sites: Mapping[str, Site[Any]] = attrs.Factory(dict)
    nodes: frozenset[Any] = frozenset()
    seen: tuple[Seen, ...] = ()

    def copy(self) -> Solution:
        return Solution(self.names.copy(), self.sites, self.nodes, self.seen)


class Trail(Protocol):
    """Is told where a search gets no further, by whoever wants to know why nothing was found."""

    def begin(self, step: Step, site: Site[Any]) -> None:
        """A search begins with `step` at `site`."""

    def dead_end(self, join: Join, step: AnyStep, rest: tuple[AnyStep, ...], at: Solution) -> None:
        """Nothing matches `step` beside what `at` holds; `rest` was not tried."""

    def unsettled(self, at: Solution, reason: str) -> None:
        """Every step matched, and what was put off does not hold."""


@attrs.frozen
class Join:
    """Joins in one graph. `types` are those of the block's inputs; `produced` names come from steps."""

    sites: Sites
    types: Mapping[str, Type]
    produced: frozenset[str]
    budget: Budget
    trail: Trail | None = None

    def solutions(self, steps: tuple[AnyStep, ...], start: Solution) -> Iterator[Solution]:
        """Every way to match all `steps` beyond `start`."""
        if not steps:
            yield start
            return
        step, extended = self._next(steps, start)
        rest = tuple(other for other in steps if other is not step)
        stuck = True
        for solution in extended:
            stuck = False
            yield from self.solutions(rest, solution)
        if stuck and self.trail is not None:
            self.trail.dead_end(self, step, rest, start)

    def finished(self, solution: Solution) -> Iterator[Solution]:
        """The solution with inputs that were met only through views bound, and everything put off decided."""
        open_name = next((seen for seen in solution.seen if seen.name not in solution.names.bound), None)
        if open_name is not None:
            for value in self._sources(open_name):
                chosen = solution.copy()
                if self.bind(chosen, open_name.name, value):
                    yield from self.finished(chosen)
            return
        reason = solution.names.settle()
        if reason is None:
            yield solution
        elif self.trail is not None:
            self.trail.unsettled(solution, reason)

    def _sources(self, seen: Seen) -> Iterable[Value[Any]]:
        """What an input seen through views may be: itself where that is allowed, then its root, then the other
        views.
        """
        members = self.sites.values.members(seen.value)
        if seen.at_least is None:
            members = members[1:] + members[:1]
        return [value for value in members if self.agrees(seen, value)]

    def agrees(self, seen: Seen, source: Any) -> bool:
        if not isinstance(source, Value):
            return False
        values = self.sites.values
        if values.root_key(source.key) != values.root_key(seen.value.key):
            return False
        if seen.at_least is None:
            return True
        if source == seen.value:
            return seen.at_least == 0
        return values.keeps_last_dim(source, seen.value)

    # choosing the next step

    def _next(self, steps: tuple[AnyStep, ...], at: Solution) -> tuple[AnyStep, Iterator[Solution]]:
        best: tuple[int, AnyStep, Any] | None = None
        for step in steps:
            found = self._view_edge(step, at) if isinstance(step, ViewStep) else self.edge(step, at)
            if found is not None and (best is None or found[0] < best[0]):
                best = (found[0], step, found[1])
        if best is None:
            step = min(steps, key=lambda each: self._count(each))
            if isinstance(step, ViewStep):
                return step, iter(())
            return step, self._try(step, self.sites.all(step.op), at)
        _, step, edge = best
        if isinstance(step, ViewStep):
            return step, self._view(step, at)
        return step, self._try(step, self.candidates(step, *edge), at)

    def _count(self, step: AnyStep) -> int:
        """Sites to try. View steps wait for a neighbour."""
        return 1 << 60 if isinstance(step, ViewStep) else self.sites.count(step.op)

    def _view_edge(self, step: ViewStep, at: Solution) -> tuple[int, Any] | None:
        bound = (step.value in at.names.bound) + (step.source in at.names.bound)
        if bound or self._views_seen(step, at):
            return 3 - bound, None
        return None

    def _views_seen(self, step: ViewStep, at: Solution) -> list[Value[Any]]:
        """The values that an end of the step may be of which only a view was met, as between two view steps."""
        met = next((seen.value for seen in at.seen if seen.name in (step.value, step.source)), None)
        return [] if met is None else self.sites.values.members(met)

    def edge(self, step: Step, at: Solution) -> tuple[int, Any] | None:
        """The best bound neighbour of a step: rank, direction and values to look at."""
        bound = at.names.bound
        for _, name in step.results:
            if isinstance(bound.get(name), Value):
                return (0, ("up", [bound[name]]))
        for seen in at.seen:
            if seen.name not in bound and any(name == seen.name for _, name in step.results):
                return (
                    1,
                    ("up", [v for v in self.sites.values.members(seen.value) if self.agrees(seen, v)]),
                )
        best: tuple[int, Use | Through, Value[Any]] | None = None
        for _, operand in step.operands:
            for used in _uses(operand):
                value = bound.get(used.value)
                if isinstance(value, Value):
                    rank = 3 if used.value in self.produced else 4
                    if best is None or rank < best[0]:
                        best = (rank, used, value)
        return None if best is None else (best[0], ("down", self._seen_by(best[1], best[2])))

    def _seen_by(self, used: Use | Through, value: Value[Any]) -> list[Value[Any]]:
        if isinstance(used, Use):
            return [value]
        values = self.sites.values
        return [
            member
            for member in values.members(value)
            if (member == value and used.at_least == 0)
            or (member != value and values.keeps_last_dim(member, value))
        ]

    def candidates(self, step: Step, direction: str, values: list[Value[Any]]) -> Iterator[Site[Any]]:
        for value in values:
            yield from (
                self.sites.producing(step.op, value)
                if direction == "up"
                else self.sites.using(step.op, value)
            )

    # matching one step

    def _try(self, step: Step, candidates: Iterable[Site[Any]], at: Solution) -> Iterator[Solution]:
        for site in candidates:
            extended = self.extend(step, site, at)
            if extended is not None:
                yield extended

    def extend(self, step: Step, site: Site[Any], at: Solution) -> Solution | None:
        """The solution with `step` matched at `site`, or None where they disagree."""
        self.budget.spend()
        if not at.nodes.isdisjoint(site.nodes):
            return None
        new = Solution(at.names.copy(), {**at.sites, step.label: site}, at.nodes.union(site.nodes), at.seen)
        for result, name in step.results:
            value = site.results.get(result)
            if value is None or not self.bind(new, name, value):
                return None
        for param, operand in step.operands:
            if isinstance(operand, Anything):
                continue
            if param not in site.args:
                return None
            matched = self.operand(operand, site.args[param], new)
            if matched is None:
                return None
            new = matched
        return new

    def operand(self, operand: Operand, actual: Any, at: Solution) -> Solution | None:
        if isinstance(operand, Use):
            return at if self.bind(at, operand.value, actual) else None
        if isinstance(operand, Through):
            if not isinstance(actual, Value):
                return None
            seen = Seen(operand.value, actual, operand.at_least)
            if operand.value in at.names.bound:
                return at if self.agrees(seen, at.names.bound[operand.value]) else None
            return attrs.evolve(at, seen=(*at.seen, seen))
        if isinstance(operand, Const):
            return at if at.names.fit(operand.value, actual) is None else None
        if isinstance(operand, OneOf):
            return at if self._one_of(operand, actual, at) else None
        if isinstance(operand, Values):
            if not isinstance(actual, tuple) or len(actual) != len(operand.items):
                return None
            here: Solution | None = at
            for item, value in zip(operand.items, actual, strict=True):
                here = None if here is None else self.operand(item, value, here)
            return here
        return at

    def _one_of(self, operand: OneOf, actual: Any, at: Solution) -> bool:
        known = self.sites.context.known
        for option in operand.options:
            try:
                value = evaluate(option, at.names.scope)
            except EvaluationError:
                continue
            if type(actual) is float and type(value) is int:
                value = float(value)
            if same(value, actual, known):
                return self.bind(at, operand.name, actual)
        return False

    def bind(self, at: Solution, name: str, actual: Any) -> bool:
        """Bind a name, with its declared type and the views through which it was seen before."""
        new = name not in at.names.bound
        if not at.names.bind(name, actual):
            return False
        if not new:
            return True
        if (
            name in self.types
            and actual is not None
            and at.names.fit_type(self.types[name], actual) is not None
        ):
            return False
        return all(self.agrees(seen, actual) for seen in at.seen if seen.name == name)

    def _view(self, step: ViewStep, at: Solution) -> Iterator[Solution]:
        """A view step whose source or value is bound, or was seen through views."""
        source = at.names.bound.get(step.source)
        value = at.names.bound.get(step.value)
        if value is not None:
            options = [value]
        elif isinstance(source, Value):
            options = self.sites.values.members(source)
        else:
            options = self._views_seen(step, at)
        for option in options:
            self.budget.spend()
            if not isinstance(option, Value) or option.meta is None:
                continue
            new = at.copy()
            if new.names.fit_dims(Dims(step.dims), option.meta.dims) is not None:
                continue
            seen = Seen(step.source, option, None)
            if source is not None:
                if not self.agrees(seen, source):
                    continue
            else:
                new = attrs.evolve(new, seen=(*new.seen, seen))
            if self.bind(new, step.value, option):
                yield new


def _uses(operand: Operand) -> Sequence[Use | Through]:
    if isinstance(operand, (Use, Through)):
        return (operand,)
    if isinstance(operand, Values):
        return [used for item in operand.items for used in _uses(item)]
    return ()
