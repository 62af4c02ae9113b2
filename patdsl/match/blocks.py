"""Every place where a block holds: its shared steps joined, then its fan-outs taken.

In: a `Block`, the types of its inputs. Out: `Placed`, one for each way to bind. Starts at the step whose op has
the fewest sites. The branches of a fan-out are alike in every capture, dim and other operand; all that are alike are
taken, and where there are more than the fan-out takes, the block does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs

from patdsl.match.bindings import same
from patdsl.match.found import Site
from patdsl.match.join import AnyStep, Budget, Join, OutOfBudgetError, Seen, Solution, Trail
from patdsl.match.sites import Sites
from patdsl.op_table import Block, FanOut, Step, Type, ViewStep

#: Sites tried at one anchor before the search gives up there, and in a whole graph: so many, and more for each node.
BUDGET = 20_000
WHOLE_BUDGET, BUDGET_OF_A_NODE = 20_000, 100
#: What a place counts as: it is judged, which takes as long as trying so many sites.
PLACE = 10


@attrs.frozen(eq=False)
class Placed:
    """A block at one place, equal only to itself. `branches`: fan-out -> the names of each branch, in graph order."""

    solution: Solution
    branches: Mapping[str, tuple[Mapping[str, Any], ...]]
    sites: tuple[Site[Any], ...]

    @property
    def names(self) -> dict[str, Any]:
        return self.solution.names.bound


#: Told why a place was given up: node, rule, reason.
Tell = Callable[[Any, str, str], None]


def _silent(node: Any, rule: str, reason: str) -> None:
    """Nobody asked why."""


def places(
    sites: Sites,
    block: Block,
    types: Mapping[str, Type],
    tell: Tell = _silent,
    trail: Trail | None = None,
) -> Iterator[Placed]:
    """Every place where the block holds. A `trail` is led as far as it goes also where an op does not occur."""
    if trail is None and any(not sites.count(step.op) for step in block.steps if isinstance(step, Step)):
        return
    whole = Budget(WHOLE_BUDGET + BUDGET_OF_A_NODE * len(sites.view.nodes))
    search = _Search(sites, block, types, tell, whole, trail)
    yield from search.run()


def anchor_of(sites: Sites, block: Block) -> Step | None:
    """The step whose op occurs in the graph, and of those the rarest: where a search begins."""
    steps = [step for step in block.steps if isinstance(step, Step) and sites.count(step.op)]
    return min(steps, key=lambda step: sites.count(step.op), default=None)


@attrs.frozen(slots=False)
class _Search:
    sites: Sites
    block: Block
    types: Mapping[str, Type]
    tell: Tell
    whole: Budget
    trail: Trail | None = None

    @cached_property
    def produced(self) -> frozenset[str]:
        """Values that steps make."""
        return frozenset(name for step in self.block.steps for name in _made(step))

    @cached_property
    def local(self) -> dict[str, frozenset[str]]:
        """By fan-out: values that each branch has its own of."""
        return {
            fan_out.name: frozenset(
                name for step in self.block.steps if step.fan_out == fan_out.name for name in _made(step)
            )
            for fan_out in self.block.fan_outs
        }

    def run(self) -> Iterator[Placed]:
        shared = tuple(step for step in self.block.steps if step.fan_out is None)
        anchor = anchor_of(self.sites, self.block)
        if anchor is None:
            return
        if anchor.fan_out is not None and any(isinstance(step, Step) for step in shared):
            yield from self._from_branches(anchor, shared)
            return
        if anchor.fan_out is not None:
            first = next(self.sites.all(anchor.op), None) if self.trail is not None else None
            if self.trail is not None and first is not None:
                self.trail.begin(anchor, first)
            yield from self._guarded(self._join(self.sites.count(anchor.op)), shared, self._empty(), None)
            return
        for site in self._affordable(anchor):
            yield from self._anchored(anchor, site, shared)

    def _affordable(self, anchor: Step) -> Iterator[Site[Any]]:
        """The sites of the step's op, until no search can begin at one."""
        for site in self.sites.all(anchor.op):
            if self.whole.left <= 0:
                self._exhausted(site)
                return
            if self.trail is not None:
                self.trail.begin(anchor, site)
            yield site

    def _from_branches(self, anchor: Step, shared: tuple[AnyStep, ...]) -> Iterator[Placed]:
        """The branch's op is the rarest: go up from each of its sites to the shared part, and search anew from
        there.
        """
        branch = tuple(step for step in self.block.steps if step.fan_out == anchor.fan_out)
        first = next(step for step in shared if isinstance(step, Step))
        tried = set()
        for site in self._affordable(anchor):
            join = self._join()
            start = join.extend(anchor, site, self._empty())
            if start is None:
                continue
            rest = tuple(step for step in (*shared, *branch) if step is not anchor)
            try:
                found = [solution.sites[first.label] for solution in join.solutions(rest, start)]
            except OutOfBudgetError:
                self._exhausted(site)
                continue
            for top in found:
                if id(top) not in tried and self.whole.left > 0:
                    tried.add(id(top))
                    yield from self._anchored(first, top, shared)

    def _anchored(self, anchor: Step, site: Site[Any], shared: tuple[AnyStep, ...]) -> Iterator[Placed]:
        join = self._join()
        start = join.extend(anchor, site, self._empty())
        if start is not None:
            rest = tuple(step for step in shared if step is not anchor)
            yield from self._guarded(join, rest, start, site)

    def _guarded(
        self, join: Join, steps: tuple[AnyStep, ...], start: Solution, site: Site[Any] | None
    ) -> Iterator[Placed]:
        try:
            for solution in join.solutions(steps, start):
                yield from self._fan_out(
                    join, self.block.fan_outs, solution, {}, tuple(solution.sites.values())
                )
        except OutOfBudgetError:
            self._exhausted(site)

    def _exhausted(self, site: Site[Any] | None) -> None:
        if site is not None:
            node = site.nodes[0] if site.nodes else next(iter(site.results.values())).producer
            where = "here" if self.whole.left > 0 else "in this graph"
            self.tell(node, "budget", f"too many ways to bind {where}: the search was given up")

    def _join(self, times: int = 1) -> Join:
        return Join(
            self.sites, self.types, self.produced, Budget(BUDGET * max(1, times), self.whole), self.trail
        )

    def _empty(self) -> Solution:
        return Solution(self.sites.names())

    # fan-outs

    def _fan_out(
        self,
        join: Join,
        fan_outs: tuple[FanOut, ...],
        shared: Solution,
        branches: dict[str, tuple[Mapping[str, Any], ...]],
        sites: tuple[Site[Any], ...],
    ) -> Iterator[Placed]:
        if not fan_outs:
            for solution in join.finished(shared):
                join.budget.spend(PLACE)
                yield Placed(solution, branches, sites)
            return
        fan_out, rest = fan_outs[0], fan_outs[1:]
        local = self.local[fan_out.name]
        for chosen in self._choices(join, fan_out, shared):
            names = shared.names.copy()
            nodes, seen = shared.nodes, shared.seen
            for solution in chosen:
                fresh = {name: value for name, value in solution.names.bound.items() if name not in local}
                names.bound.update(fresh)
                names.later = (
                    *names.later,
                    *(each for each in solution.names.later if each not in names.later),
                )
                nodes = nodes | solution.nodes
                seen = (
                    *seen,
                    *(each for each in solution.seen if each not in seen and each.name not in local),
                )
            own = tuple(
                {name: each.names.bound[name] for name in local if name in each.names.bound}
                for each in chosen
            )
            added = tuple(
                site for each in chosen for label, site in each.sites.items() if label not in shared.sites
            )
            whole = Solution(names, shared.sites, nodes, _unbound(seen, names.bound))
            yield from self._fan_out(join, rest, whole, {**branches, fan_out.name: own}, sites + added)

    def _choices(self, join: Join, fan_out: FanOut, shared: Solution) -> Iterator[list[Solution]]:
        steps = tuple(step for step in self.block.steps if step.fan_out == fan_out.name)
        found = [each for solution in join.solutions(steps, shared) for each in join.finished(solution)]
        groups = self._groups(found, self.local[fan_out.name])
        if not groups:
            self._miscounted(fan_out, 0, shared)
        for group in groups:
            distinct = self._distinct(group, shared)
            if len(distinct) < fan_out.low or (fan_out.high is not None and len(distinct) > fan_out.high):
                self._miscounted(fan_out, len(distinct), shared if shared.nodes else group[0])
            else:
                yield distinct

    def _groups(self, found: list[Solution], local: frozenset[str]) -> list[list[Solution]]:
        known = self.sites.context.known
        groups: list[tuple[dict[str, Any], list[Solution]]] = []
        for solution in found:
            own = {name: value for name, value in solution.names.bound.items() if name not in local}
            for names, members in groups:
                if names.keys() == own.keys() and all(same(names[name], own[name], known) for name in own):
                    members.append(solution)
                    break
            else:
                groups.append((own, [solution]))
        return [members for _, members in groups]

    def _distinct(self, group: list[Solution], shared: Solution) -> list[Solution]:
        """Branches on disjoint nodes, in graph order."""
        position = self.sites.view.position

        def place(solution: Solution) -> int:
            return min((position(node) for node in solution.nodes - shared.nodes), default=0)

        taken: set[Any] = set()
        chosen = []
        for solution in sorted(group, key=place):
            own = solution.nodes - shared.nodes
            if taken.isdisjoint(own):
                taken |= own
                chosen.append(solution)
        return chosen

    def _miscounted(self, fan_out: FanOut, count: int, at: Solution) -> None:
        nodes = sorted(at.nodes, key=self.sites.view.position)
        if nodes:
            more = " or more" if fan_out.high is None else f" to {fan_out.high}"
            wanted = f"{fan_out.low}{'' if fan_out.high == fan_out.low else more}"
            self.tell(nodes[0], "injective", f"{count} alike of '{fan_out.name}', the pattern takes {wanted}")


def _made(step: AnyStep) -> Iterable[str]:
    """The values that a step makes, by name."""
    return (step.value,) if isinstance(step, ViewStep) else (name for _, name in step.results)


def _unbound(seen: tuple[Seen, ...], bound: Mapping[str, Any]) -> tuple[Seen, ...]:
    return tuple(each for each in seen if each.name not in bound)
