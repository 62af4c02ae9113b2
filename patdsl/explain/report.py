"""What explain found, as plain values with their places: what text, JSON and HTML are made of.

In: `Looked`, the carrier's way to show a node, the units of the `.pat` files. Out: `GraphReport`s. Names and texts of
the graph are kept as they are; whoever prints them escapes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import starmap
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.explain.cause import KINDS, Cause, Verdict
from patdsl.explain.look import Looked
from patdsl.explain.spans import span_of
from patdsl.explain.suggest import Suggestion
from patdsl.source import Span


@attrs.frozen
class NodeShown:
    """A node of the graph. `span` is its place in a log, where there is one; `source` the program's line."""

    name: str
    text: str
    span: Span | None
    source: str


#: The smallest change under which a place would match.
Mend = Callable[[Verdict], Suggestion | None]
#: A node as a person may see it.
ShowNode = Callable[[Any], NodeShown]


@attrs.frozen
class Entry:
    """One pattern at one place. `kind` is empty for a match; `span` is the part of the pattern that is in question, or
    `place` its file and line where the file is not at hand; `count` is how many places are told as one, of which this
    is the first; `fused_by` names the pattern that takes the place."""

    pass_name: str
    pattern: str
    at: NodeShown
    matched: int
    steps: int
    kind: str
    message: str
    span: Span | None
    place: str
    nodes: tuple[NodeShown, ...]
    count: int = 1
    fused_by: str = ""
    suggestion: Suggestion | None = None

    @property
    def what(self) -> str:
        """The kind in words."""
        return KINDS.get(self.kind, "")


@attrs.frozen
class GraphReport:
    """One graph. `absent` pairs patterns of which no op occurs with the reason."""

    name: str
    place: str
    nodes: int
    target: str
    matches: tuple[Entry, ...]
    misses: tuple[Entry, ...]
    absent: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """The whole report as text."""
        from patdsl.explain.to_text import text_lines

        return "\n".join(text_lines(self, len(self.misses)))


def graph_report(
    name: str,
    place: str,
    count: int,
    target: str,
    looked: Looked,
    show: ShowNode,
    units: Mapping[str, Unit],
    mend: Mend = lambda verdict: None,
    top: int = 0,
) -> GraphReport:
    """The report of one graph. `units` has the unit of each pass, by the pass's name. `mend` is asked about the `top`
    nearest misses."""
    fused = {
        node: f"{each.pass_name}.{each.pattern.full_name}" for each in looked.matches for node in each.nodes
    }

    def entry(verdict: Verdict, count: int) -> Entry:
        cause, unit = verdict.cause, units.get(verdict.pass_name)
        nodes = tuple(show(node) for node in dict.fromkeys(_nodes(verdict, cause)))
        return Entry(
            verdict.pass_name,
            verdict.pattern.full_name,
            show(verdict.at),
            verdict.matched,
            verdict.steps,
            "" if cause is None else cause.kind,
            "" if cause is None else cause.message,
            None if unit is None else span_of(unit, verdict.pattern, cause),
            _place(verdict),
            nodes,
            count,
            "" if cause is None else fused.get(verdict.at, ""),
        )

    matches = starmap(entry, _alike(looked.matches, fused))
    ranked = sorted(_alike(looked.misses, fused), key=lambda each: each[0].at in fused)
    misses = [
        attrs.evolve(entry(verdict, count), suggestion=mend(verdict) if at < top else None)
        for at, (verdict, count) in enumerate(ranked)
    ]
    absent = tuple((f"{each.pass_name}.{each.pattern.full_name}", each.reason) for each in looked.absent)
    return GraphReport(name, place, count, target, tuple(matches), tuple(misses), absent)


_QUOTED = re.compile(r"'[^']*'")


def _alike(verdicts: Iterable[Verdict], fused: Mapping[Any, str]) -> Iterable[tuple[Verdict, int]]:
    """The first of those that differ in nothing but the nodes, as the layers of a model do, and how many they are."""
    found: dict[Any, list[Verdict]] = {}
    for each in verdicts:
        cause = each.cause
        message = cause and (cause.kind, id(cause.step), _QUOTED.sub("", cause.message))
        key = (id(each.pattern), each.matched, message, cause is not None and each.at in fused)
        found.setdefault(key, []).append(each)
    return [(alike[0], len(alike)) for alike in found.values()]


def _place(verdict: Verdict) -> str:
    """File and line of the step that is in question, or of the pattern."""
    step = verdict.cause.step if verdict.cause is not None else None
    file, colon, line = verdict.pattern.place.rpartition(":")
    return f"{file}{colon}{step.line if step is not None and step.line else line}"


def _nodes(verdict: Verdict, cause: Cause | None) -> tuple[Any, ...]:
    if cause is None:
        return verdict.nodes
    return cause.nodes or (verdict.at,)
