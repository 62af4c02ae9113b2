"""What explain found, as plain values with their places: what text, JSON and HTML are made of.

In: `Looked`, the carrier's way to show a node, the units of the `.pat` files. Out: `GraphReport`s. Names and texts of
the graph are kept as they are; whoever prints them escapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.explain.cause import KINDS, Cause, Verdict
from patdsl.explain.look import Looked
from patdsl.explain.spans import span_of
from patdsl.source import Span


@attrs.frozen
class NodeShown:
    """A node of the graph. `span` is its place in a log, where there is one; `source` the program's line."""

    name: str
    text: str
    span: Span | None
    source: str


#: A node as a person may see it.
ShowNode = Callable[[Any], NodeShown]


@attrs.frozen
class Entry:
    """One pattern at one place. `kind` is empty for a match; `span` is the part of the pattern that is in question, or
    `place` its file and line where the file is not at hand; `fused_by` names the pattern that takes the place."""

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
    fused_by: str = ""

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
    name: str, place: str, count: int, target: str, looked: Looked, show: ShowNode, units: Mapping[str, Unit]
) -> GraphReport:
    """The report of one graph. `units` has the unit of each pass, by the pass's name."""
    fused = {
        node: f"{each.pass_name}.{each.pattern.full_name}" for each in looked.matches for node in each.nodes
    }

    def entry(verdict: Verdict) -> Entry:
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
            "" if cause is None else fused.get(verdict.at, ""),
        )

    misses = sorted(map(entry, looked.misses), key=lambda each: bool(each.fused_by))
    absent = tuple((f"{each.pass_name}.{each.pattern.full_name}", each.reason) for each in looked.absent)
    return GraphReport(name, place, count, target, tuple(map(entry, looked.matches)), tuple(misses), absent)


def _place(verdict: Verdict) -> str:
    """File and line of the step that is in question, or of the pattern."""
    step = verdict.cause.step if verdict.cause is not None else None
    file, colon, line = verdict.pattern.place.rpartition(":")
    return f"{file}{colon}{step.line if step is not None and step.line else line}"


def _nodes(verdict: Verdict, cause: Cause | None) -> tuple[Any, ...]:
    if cause is None:
        return verdict.nodes
    return cause.nodes or (verdict.at,)
