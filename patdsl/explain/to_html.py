"""Reports of explain as one page for a browser.

In: `GraphReport`s. Out: HTML that stands alone: no scripts, links, fonts or pictures, and a policy that forbids them,
since names and texts come from files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape as quoted

from patdsl.explain.report import Entry, GraphReport
from patdsl.explain.to_text import (
    absent_line,
    cause_lines,
    headline,
    match_line,
    note_line,
    title,
    verdict_line,
)
from patdsl.render import escape

_HEAD = """\
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>patdsl explain</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.1em; margin-top: 2.5em }
pre { font: 13px/1.4 ui-monospace, monospace; overflow-x: auto; margin: .5em 0 1em 1.2em }
details { border-top: 1px solid #8884; padding: .3em 0 } summary { cursor: pointer }
ul { padding-left: 1.2em } .safe, ins { color: #17803d } .look { color: #b45309 } del { color: #c81e1e }
ins, del { text-decoration: none }
@media (prefers-color-scheme: dark) {
  .safe, ins { color: #4ade80 } .look { color: #fbbf24 } del { color: #f87171 }
}
</style>"""


def html_page(reports: Sequence[GraphReport], top: int) -> str:
    """One page: a section for each graph, in it the matches and the `top` nearest misses, each of which folds."""
    body = "\n".join(line for report in reports for line in _section(report, top))
    page = f"<h1>Why did it not match</h1>\n{body}"
    return f'<!doctype html>\n<html lang="en"><head>\n{_HEAD}\n</head><body>\n{page}\n</body></html>\n'


def _section(report: GraphReport, top: int) -> Iterator[str]:
    yield f"<h2>{quoted(title(report))}</h2>"
    if report.matches:
        matches = "".join(f"<li>{quoted(match_line(entry))}</li>" for entry in report.matches)
        yield f'<ul class="safe">{matches}</ul>'
    for entry in report.misses[:top]:
        yield from _miss(entry)
    if len(report.misses) > top:
        yield f"<p>{len(report.misses) - top:,} more ways in which places are not matched.</p>"
    if report.absent:
        yield f"<p>{quoted(absent_line(report).capitalize())}.</p>"


def _miss(entry: Entry) -> Iterator[str]:
    cause = "\n".join(cause_lines(entry))
    yield f"<details open><summary>{quoted(headline(entry))}</summary>\n<pre>{quoted(cause)}</pre>"
    if entry.suggestion is not None:
        kind = "look" if entry.suggestion.look else "safe"
        diff = "\n".join(map(_diff_line, entry.suggestion.diff.split("\n")))
        yield f'<p class="{kind}">{quoted(verdict_line(entry.suggestion))}</p>\n<pre>{diff}</pre>'
    if entry.fused_by:
        yield f"<p>{quoted(note_line(entry))}</p>"
    yield "</details>"


def _diff_line(line: str) -> str:
    text = quoted(escape(line))
    tag = {"+": "ins", "-": "del"}.get(line[:1])
    return text if tag is None else f"<{tag}>{text}</{tag}>"
