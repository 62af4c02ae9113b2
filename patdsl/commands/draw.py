"""What `patdsl show --html` and `--svg` write: a pattern, and graphs before and after it.

In: what is wanted, compiled files. Out: the files, and findings of a log that cannot be read. The pictures are made in
`patdsl/draw/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from patdsl.commands import report
from patdsl.commands.write import write_atomic
from patdsl.compiler.ast_to_graph import Unit
from patdsl.diagnostic import Diagnostics
from patdsl.draw.graph_to_picture import graph_pictures, without_others
from patdsl.draw.page import Section, html_page, svg_page
from patdsl.draw.pattern_to_picture import pattern_pictures
from patdsl.explain.printed import graphs_of
from patdsl.graph import PassSpec
from patdsl.pipeline import Outcome
from patdsl.printed.text_to_graph import PrintedGraph


@attrs.frozen
class Wanted:
    """A pattern by its name, the files to write, and the log whose graphs are drawn."""

    name: str
    html: Path | None
    svg: Path | None
    graph: Path | None
    graph_kind: str | None
    target: str | None


def draw(wanted: Wanted, outcomes: Sequence[Outcome]) -> report.Findings:
    """Writes what is wanted, unless the log cannot be read."""
    diagnostics = Diagnostics()
    graphs = [] if wanted.graph is None else graphs_of(wanted.graph, diagnostics, wanted.graph_kind)
    findings = report.gather([(wanted.graph or Path(), diagnostics.items)])
    if findings.errors:
        return findings
    sections = [
        section
        for unit in (outcome.unit for outcome in outcomes if outcome.unit)
        for section in _sections(unit, wanted, graphs)
    ]
    if wanted.html is not None:
        write_atomic(wanted.html, html_page(wanted.name, sections))
    if wanted.svg is not None:
        write_atomic(wanted.svg, svg_page(sections))
    return findings


def _sections(unit: Unit, wanted: Wanted, graphs: Sequence[PrintedGraph]) -> Iterator[Section]:
    """Of one file: each variant of the pattern, then each graph."""
    patterns = [pattern for pattern in unit.patterns if pattern.name == wanted.name]
    for at, pattern in enumerate(patterns):
        text = unit.text[pattern.name] if at == 0 else ""
        yield Section(f"pattern {pattern.full_name}", text, pattern_pictures(pattern, unit.table))
    for spec in _passes(unit, wanted.name) if patterns else ():
        for graph in graphs:
            pictured = graph_pictures(graph, spec, wanted.target)
            told = "\n".join(pictured.reasons)
            if not pictured.matches and not told:
                told = f"no match: patdsl explain {wanted.graph} --pattern {wanted.name} says why"
            yield Section(
                f"graph {graph.text.name}, pass {spec.name}", told, (pictured.before, pictured.after)
            )


def _passes(unit: Unit, name: str) -> Iterator[PassSpec]:
    """The passes that have the pattern, without the others."""
    return (found for spec in unit.passes if (found := without_others(spec, name)) is not None)
