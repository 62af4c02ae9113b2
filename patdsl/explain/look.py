"""What became of every pattern of some passes in a graph, and why.

In: a graph with what was found in it (`Shared`), passes as they are resolved for it. Out: `Verdict`s, one for each
pattern and place where the rarest of its ops that occur does, and `Absent` for patterns of which no op occurs. Asks the
engine that the passes ask: the same search, judge and choice among matches. Changes nothing, so that a pass is
explained in the graph as it is given; what an earlier pass would take is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from patdsl.explain.cause import OF_RULE, Absent, Cause, Verdict
from patdsl.explain.diagnose import diagnose, diagnose_start
from patdsl.explain.shared import Shared
from patdsl.explain.trail import Start, Starts
from patdsl.explain.unfit import unfit
from patdsl.match.blocks import Placed, anchor_of, places
from patdsl.match.found import Match, Refusal
from patdsl.match.index import Indexed, PatternIndex
from patdsl.match.join import AnyStep
from patdsl.match.judge import Judge
from patdsl.match.maximal import choose_maximal
from patdsl.match.placement import Barriers
from patdsl.match.protocol import GraphView
from patdsl.op_table import Step, TorchCall
from patdsl.runtime.resolve import Resolved

_QUOTED = re.compile(r"'([^']+)'")


@attrs.frozen(eq=False)
class Looked:
    """Everything that explain has to say of one graph, the nearest first; matches before all others."""

    verdicts: tuple[Verdict, ...]
    absent: tuple[Absent, ...]

    @property
    def matches(self) -> tuple[Verdict, ...]:
        return tuple(each for each in self.verdicts if each.cause is None)

    @property
    def misses(self) -> tuple[Verdict, ...]:
        return tuple(each for each in self.verdicts if each.cause is not None)


#: Whether a pattern is asked about.
Wanted = Callable[[Any], bool]


def look(shared: Shared, passes: Mapping[str, Resolved], wanted: Wanted = lambda pattern: True) -> Looked:
    """The verdicts on the wanted patterns of `passes`, which run in this order, in the graph of `shared`."""
    bound = _bound(passes)
    verdicts: list[Verdict] = []
    absent: list[Absent] = []
    taken: dict[Any, str] = {}
    for name, resolved in passes.items():
        pass_look = _PassLook(shared, name, resolved, taken, bound)
        found, gone = pass_look.run()
        verdicts += (each for each in found if wanted(each.pattern))
        absent += (each for each in gone if wanted(each.pattern))
        for verdict in found:
            if verdict.cause is None:
                taken.update((node, f"{name}.{verdict.pattern.full_name}") for node in verdict.nodes)
    order = sorted(verdicts, key=lambda each: _order(each, shared.view))
    return Looked(tuple(order), tuple(absent))


def _bound(passes: Mapping[str, Resolved]) -> frozenset[str]:
    """Every torch op that a binding names."""
    return frozenset(
        binding.target
        for resolved in passes.values()
        for op in resolved.context.ops.values()
        for binding in op.bindings
        if isinstance(binding, TorchCall)
    )


def _order(verdict: Verdict, view: GraphView[Any]) -> tuple[Any, ...]:
    return (verdict.cause is not None, -verdict.nearness, -verdict.matched, view.position(verdict.at))


class _PassLook:
    """One pass in one graph."""

    def __init__(
        self, shared: Shared, name: str, resolved: Resolved, taken: Mapping[Any, str], bound: frozenset[str]
    ) -> None:
        self.view, self.name, self.resolved, self.taken = shared.view, name, resolved, taken
        self.shared = shared.of(resolved.context)
        self.sites = self.shared.sites()
        self.judge = Judge(self.sites, Barriers(self.sites))
        self.index = PatternIndex([each.pattern for each in resolved.standings], resolved.context)
        self.bound = bound
        self._nodes: dict[str, Any] | None = None
        self._steps: dict[tuple[int, int], AnyStep | None] = {}

    def run(self) -> tuple[list[Verdict], list[Absent]]:
        verdicts: list[Verdict] = []
        absent: list[Absent] = []
        matches: dict[int, tuple[Match[Any], Verdict]] = {}
        for entry, standing in zip(self.index.entries, self.resolved.standings, strict=True):
            anchor = anchor_of(self.sites, entry.resolved.left)
            if anchor is None:
                absent.append(Absent(self.name, entry.pattern, self._nothing(entry)))
                continue
            reasons = (*self.resolved.reasons, *standing.reasons)
            for match, verdict in self._pattern(entry, anchor, reasons):
                if match is not None:
                    matches[id(match)] = (match, verdict)
                else:
                    verdicts.append(verdict)
        chosen, gave_way = choose_maximal([match for match, _ in matches.values()], self.view.position)
        kept = {id(match) for match in chosen}
        lost: dict[tuple[int, Any], Refusal[Any]] = {(id(each.pattern), each.at): each for each in gave_way}
        for key, (match, verdict) in matches.items():
            if key in kept:
                verdicts.append(verdict)
            else:
                refusal = lost.get((id(match.pattern), match.dying[0]))
                reason = refusal.reason if refusal else "another match takes this place"
                kind = OF_RULE[refusal.rule] if refusal else "taken"
                verdicts.append(attrs.evolve(verdict, cause=Cause(kind, reason, None, match.dying[:1])))
        return verdicts, absent

    def _nothing(self, entry: Indexed) -> str:
        steps = (step for step in entry.resolved.left.steps if isinstance(step, Step))
        return f"no {' and no '.join(dict.fromkeys(step.op for step in steps))} in the graph"

    def _pattern(
        self, entry: Indexed, anchor: Step, reasons: Sequence[str]
    ) -> Iterator[tuple[Match[Any] | None, Verdict]]:
        """Each place of one pattern, those that are one place once."""
        seen: set[Any] = set()
        for start in self._starts(entry):
            for match, verdict in self._start(entry, start, reasons):
                cause = verdict.cause
                about = (cause.message, cause.nodes or (verdict.at,)) if cause is not None else None
                place = (verdict.nodes, about)
                if place not in seen:
                    seen.add(place)
                    yield match, verdict
        steps = _count(entry)
        for target in sorted(self.sites.targets(anchor.op)):
            for node in self.view.by_target(target):
                if not self.sites.at(anchor.op, node):
                    cause = unfit(self.sites, anchor, node)
                    yield None, Verdict(self.name, entry.pattern, node, 0, steps, cause)

    def _starts(self, entry: Indexed) -> list[Start]:
        """Where the search for a left side began; patterns of one left side share it."""

        def search() -> list[Start]:
            starts = Starts()
            for placed in places(self.sites, entry.resolved.left, entry.types, starts.tell, starts):
                starts.found[-1].placed.append(placed)
            return starts.found

        return self.shared.starts(entry, search)

    def _start(
        self, entry: Indexed, start: Start, reasons: Sequence[str]
    ) -> Iterator[tuple[Match[Any] | None, Verdict]]:
        steps = _count(entry)
        at = _node(start)
        if not start.placed:
            if start.stopped is None:
                start.stopped = self._stopped(entry, start)
            cause, matched = start.stopped
            own = self._own(entry, cause.step)
            stopped = cause if own is cause.step else attrs.evolve(cause, step=own)
            yield None, Verdict(self.name, entry.pattern, at, min(matched, steps - 1), steps, stopped)
            return
        refused: Verdict | None = None
        matched_any = False
        for placed in start.placed:
            nodes = tuple(sorted(placed.solution.nodes, key=self.view.position))
            verdict = Verdict(self.name, entry.pattern, nodes[0] if nodes else at, steps, steps, None, nodes)
            why = self._unavailable(entry, nodes, reasons)
            judged = self.judge.judge(entry.resolved, placed) if why is None else None
            if isinstance(judged, Match):
                matched_any = True
                yield attrs.evolve(judged, pattern=entry.pattern), attrs.evolve(verdict, nodes=judged.dying)
            elif refused is None:
                refused = attrs.evolve(verdict, cause=why or self._refusal(entry, placed, judged))
        if refused is not None and not matched_any:
            yield None, refused

    def _own(self, entry: Indexed, step: AnyStep | None) -> AnyStep | None:
        """The pattern's own step where the search was that of another one with an equal left side, on another line."""
        place = (entry.at, id(step))  # the step is kept alive by the search
        if place not in self._steps:
            self._steps[place] = next((each for each in entry.pattern.left.steps if each == step), None)
        return self._steps[place]

    def _unavailable(self, entry: Indexed, nodes: tuple[Any, ...], reasons: Sequence[str]) -> Cause | None:
        """Why a place where the left side holds is not even judged."""
        if reasons:
            return Cause("off", "; ".join(reasons), actual=self.sites.context.target)
        for node in nodes:
            if node in self.taken:
                message = f"'{self.view.name(node)}' is taken by {self.taken[node]}, which runs before"
                return Cause("taken", message, None, (node,))
        return None

    def _refusal(self, entry: Indexed, placed: Placed, refusal: Any) -> Cause:
        nodes = [self._named(name) for name in _QUOTED.findall(refusal.reason)]
        about = tuple(dict.fromkeys(node for node in nodes if node is not None)) or (refusal.at,)
        step = None
        if refusal.rule == "profit":
            ops = [site.op.name for site in placed.sites if about[0] in site.nodes]
            steps = (each for each in entry.pattern.left.steps if isinstance(each, Step))
            step = next((each for each in steps if each.op in ops), None)
        return Cause(OF_RULE[refusal.rule], refusal.reason, step, about)

    def _named(self, name: str) -> Any:
        if self._nodes is None:
            self._nodes = {self.view.name(node): node for node in self.view.nodes}
        return self._nodes.get(name)

    def _stopped(self, entry: Indexed, start: Start) -> tuple[Cause, int]:
        """Why nothing was found at a place, and how many steps hold there."""
        told = next((each for each in start.told if not each[2].startswith("0 alike")), None)
        if told is not None:
            node, rule, reason = told
            matched = max((len(end.at.sites) for end in start.ends), default=1)
            counted = (step for step in entry.resolved.left.steps if f"of '{step.fan_out}'," in reason)
            number = int(reason.split()[0]) if rule == "injective" else None
            return Cause(OF_RULE[rule], reason, next(counted, None), (node,), actual=number), matched
        if start.unsettled:
            solution, reason = start.unsettled[0]
            return Cause("type", reason, None, (_node(start),)), len(solution.sites)
        if start.ends:
            return diagnose(self.sites, start.ends, self.bound)
        return diagnose_start(self.sites, entry.types, start.step, start.site), 0


def _count(entry: Indexed) -> int:
    return sum(isinstance(step, Step) for step in entry.resolved.left.steps)


def _node(start: Start) -> Any:
    site = start.site
    return site.nodes[0] if site.nodes else next(iter(site.results.values())).producer
