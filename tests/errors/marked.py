"""Texts that say themselves where their errors are.

In: a text in which `«` and `»` stand around what each finding underlines. Out: the findings of a run of the tool on the
text without these marks, to be compared with what a test expects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from patdsl.diagnostic import Diagnostic
from patdsl.pipeline import Outcome, run

#: Ops that most cases use. They stand behind the text, so that its lines keep their numbers.
OPS = """
op norm(x: T[*B, H], w: T[H], eps: float) -> (y: T[*B, H]) = lib::norm
op quant(y: T[*B, H], g: int) -> (q: fp8[*B, H], s: f32[*B, H / g]) = lib::quant
op fused(x: T[*B, H], w: T[H], eps: float, g: int) -> (q: fp8[*B, H], s: f32[*B, H / g]) = lib::fused
op lone(n: int) -> (z: f32[n]) = lib::lone
"""

#: Code, words of the message, words of the help ("": it has none).
Expected = tuple[str, str, str]


def run_marked(
    text: str, folder: Path, files: Mapping[str, str] | None = None
) -> tuple[Outcome, list[tuple[int, int]]]:
    """The outcome, and the marked ranges of the text in their order."""
    ranges, plain, opened = [], "", 0
    for part in re.split("([«»])", text):
        if part == "«":
            opened = len(plain)
        elif part == "»":
            ranges.append((opened, len(plain)))
        else:
            plain += part
    for name, content in (files or {}).items():
        (folder / name).write_text(content, encoding="utf-8")
    path = folder / "case.pat"
    path.write_text(plain + OPS, encoding="utf-8")
    return run([path])[0], ranges


def compare(outcome: Outcome, ranges: Sequence[tuple[int, int]], expected: Sequence[Expected]) -> None:
    """Assert that the findings are those expected, each at its range, and none else. Notes of PAT402 do not count."""
    found = sorted(
        (
            item
            for item in outcome.diagnostics
            if item.code != "PAT402" or any(e[0] == "PAT402" for e in expected)
        ),
        key=lambda item: item.span.start if item.span else -1,
    )
    shown = [_shown(item) for item in found]
    assert [item.code for item in found] == [code for code, _, _ in expected], shown
    for item, (start, end), (_, words, help) in zip(found, ranges, expected, strict=True):
        assert item.span is not None
        assert item.span.source is outcome.source
        where = f"underlined `{item.span.text}`, not `{item.span.source.text[start:end]}`"
        assert (item.span.start, item.span.end) == (start, end), where
        assert words in item.message
        assert help in (item.help or "") if help else item.help is None, item.help


def _shown(item: Diagnostic) -> str:
    return (
        f"{item.code} at {item.span.text!r}: {item.message}" if item.span else f"{item.code}: {item.message}"
    )
