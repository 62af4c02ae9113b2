"""Reports of explain as text and as plain data.

In: `GraphReport`s. Out: lines for a terminal, everything from files escaped; or data for JSON. `top` is how many near
misses of a graph are told in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from patdsl.explain.report import Entry, GraphReport, NodeShown
from patdsl.explain.suggest import Suggestion
from patdsl.render import CUT, escape, excerpt, span_place

#: How much of a node's line is shown.
LONGEST = 200


def text_lines(report: GraphReport, top: int) -> Iterator[str]:
    """The report of one graph."""
    yield title(report)
    yield from (f"  {match_line(entry)}" for entry in report.matches)
    for entry in report.misses[:top]:
        yield ""
        yield f"  {headline(entry)}"
        yield from (f"    {line}" for line in cause_lines(entry))
        if entry.suggestion is not None:
            yield f"    {verdict_line(entry.suggestion)}"
            yield from (f"      {escape(line)}" for line in entry.suggestion.diff.split("\n"))
        if entry.fused_by:
            yield f"    {note_line(entry)}"
    if len(report.misses) > top:
        yield ""
        more = f"{len(report.misses) - top:,} more ways in which places are not matched"
        yield f"  {more}; --top {len(report.misses)} shows them"
    if report.absent:
        yield ""
        yield f"  {absent_line(report)}"


def title(report: GraphReport) -> str:
    """What was read."""
    place = f" at {report.place}" if report.place else ""
    return escape(f"graph {report.name}{place}: {report.nodes:,} nodes, read for {report.target}")


def match_line(entry: Entry) -> str:
    """What a pattern takes."""
    names = ", ".join(node.name for node in entry.nodes) + _more(entry)
    return escape(f"matched: {entry.pass_name}.{entry.pattern} takes {names}")


def absent_line(report: GraphReport) -> str:
    """How many patterns had nothing to look at."""
    return f"of {len(report.absent):,} patterns no op occurs in this graph"


def headline(entry: Entry) -> str:
    """Which pattern, where, and how far it got."""
    what = f"{entry.matched} of {entry.steps} ops hold, then {entry.what}"
    if entry.matched == entry.steps:
        what = f"the left side holds, but {entry.what}"
    return escape(f"{entry.pass_name}.{entry.pattern} at '{entry.at.name}'{_more(entry)}: {what}")


def cause_lines(entry: Entry) -> Iterator[str]:
    """What stands in the way, in the pattern and in the graph."""
    yield escape(entry.message)
    if entry.span is not None:
        yield from excerpt(entry.span)
    else:
        yield f"  --> {escape(entry.place)}"
    for node in entry.nodes:
        yield from _node(node)


def verdict_line(suggestion: Suggestion) -> str:
    """What is to be thought of a change."""
    look = "safe: types are proven, or checked at each match"
    if suggestion.look:
        look = f"needs a look: {suggestion.look}"
    return escape(f"would match with this change, tried ({look})")


def note_line(entry: Entry) -> str:
    """Which pattern takes the place."""
    return escape(f"note: {entry.fused_by} matches here")


def _more(entry: Entry) -> str:
    return f" and {entry.count - 1:,} more like it" if entry.count > 1 else ""


def _node(node: NodeShown) -> Iterator[str]:
    """The node's line without what the log puts in front of it."""
    text = escape(node.text if len(node.text) <= LONGEST else f"{node.text[:LONGEST]}{CUT}")
    if node.span is None:
        yield f"  in the graph: {text}"
    else:
        line, _ = node.span.source.line_column(node.span.start)
        gutter = " " * len(str(line))
        yield f"{gutter}--> {escape(node.span.source.name)}:{line}"
        yield f"{gutter} |"
        yield f"{line} | {text}"
        yield f"{gutter} | {'^' * len(escape(node.span.text))}"
    if node.source:
        yield escape(f"  = {node.source[:LONGEST]}")


def to_json(report: GraphReport) -> dict[str, Any]:
    """Plain data."""
    return {
        "graph": report.name,
        "place": report.place,
        "nodes": report.nodes,
        "target": report.target,
        "matches": list(map(_entry_json, report.matches)),
        "misses": list(map(_entry_json, report.misses)),
        "absent": [{"pattern": pattern, "reason": reason} for pattern, reason in report.absent],
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "pass": entry.pass_name,
        "pattern": entry.pattern,
        "at": _node_json(entry.at),
        "matched": entry.matched,
        "steps": entry.steps,
        "count": entry.count,
        "kind": entry.kind or None,
        "message": entry.message or None,
        "place": span_place(entry.span),
        "declared": entry.place,
        "nodes": list(map(_node_json, entry.nodes)),
        "fused_by": entry.fused_by or None,
        "suggestion": None
        if entry.suggestion is None
        else {
            "what": entry.suggestion.what,
            "diff": entry.suggestion.diff,
            "safe": not entry.suggestion.look,
            "look": entry.suggestion.look or None,
        },
    }


def _node_json(node: NodeShown) -> dict[str, Any]:
    return {
        "name": node.name,
        "text": node.text,
        "place": span_place(node.span),
        "source": node.source or None,
    }
