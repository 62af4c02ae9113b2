"""Reports of explain as text and as plain data.

In: `GraphReport`s. Out: lines for a terminal, everything from files escaped; or data for JSON. `top` is how many near
misses of a graph are told in full.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

from patdsl.explain.report import Entry, GraphReport, NodeShown
from patdsl.explain.suggest import Suggestion
from patdsl.render import CUT, escape, excerpt, span_place

#: How much of a node's line is shown.
LONGEST = 200


def text_lines(report: GraphReport, top: int) -> Iterator[str]:
    """The report of one graph."""
    place = f" at {report.place}" if report.place else ""
    yield escape(f"graph {report.name}{place}: {report.nodes:,} nodes, read for {report.target}")
    for entry in report.matches:
        names = ", ".join(node.name for node in entry.nodes) + _more(entry)
        yield escape(f"  matched: {entry.pass_name}.{entry.pattern} takes {names}")
    for entry in report.misses[:top]:
        yield ""
        yield from _miss(entry)
    if len(report.misses) > top:
        yield ""
        more = f"{len(report.misses) - top:,} more ways in which places are not matched"
        yield f"  {more}; --top {len(report.misses)} shows them"
    if report.absent:
        yield ""
        yield f"  of {len(report.absent):,} patterns no op occurs in this graph"


def _miss(entry: Entry) -> Iterator[str]:
    what = f"{entry.matched} of {entry.steps} ops hold, then {entry.what}"
    if entry.matched == entry.steps:
        what = f"the left side holds, but {entry.what}"
    yield escape(f"  {entry.pass_name}.{entry.pattern} at '{entry.at.name}'{_more(entry)}: {what}")
    yield f"    {escape(entry.message)}"
    if entry.span is not None:
        yield from (f"    {line}" for line in excerpt(entry.span))
    else:
        yield f"      --> {escape(entry.place)}"
    for node in entry.nodes:
        yield from (f"    {line}" for line in _node(node))
    if entry.suggestion is not None:
        yield from _suggestion(entry.suggestion)
    if entry.fused_by:
        yield escape(f"    note: {entry.fused_by} matches here")


def _suggestion(suggestion: Suggestion) -> Iterator[str]:
    verdict = (
        f"needs a look: {suggestion.look}"
        if suggestion.look
        else "safe: types are proven, or checked at each match"
    )
    yield f"    would match with this change, tried ({escape(verdict)})"
    yield from (f"      {escape(line)}" for line in suggestion.diff.split("\n"))


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


def html_page(reports: Sequence[GraphReport], top: int) -> str:
    """One page without scripts or links, each graph a section that opens and closes."""
    parts = []
    for report in reports:
        first, *lines = text_lines(report, top)
        body = html.escape("\n".join(lines))
        parts.append(f"<details open><summary>{html.escape(first)}</summary>\n<pre>{body}</pre>\n</details>")
    style = "body{font:14px sans-serif;margin:2em}pre{font:13px monospace;overflow-x:auto}"
    head = f'<meta charset="utf-8"><title>patdsl explain</title><style>{style}</style>'
    body = "\n".join(parts)
    return f"<!doctype html>\n<html><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


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
