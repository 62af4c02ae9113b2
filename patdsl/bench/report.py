"""Lines of a bench -> a table for a terminal, and data for JSON.

In: the lines of one pattern, or of all. Out: a rich table; or plain data, times in microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.table import Column, Table

from patdsl.bench.measure import ALL, INDUCTOR, LEFT, RIGHT, Line
from patdsl.render import escape

COLOURS = {"pays": "green", "does not pay": "red", "wrong": "red"}


def table(lines: Sequence[Line]) -> Table:
    """The lines of one pattern."""
    headings = (
        "rows",
        "hidden",
        "MB",
        "left us",
        "Inductor us",
        "right us",
        "GB/s",
        "left/right",
        "Inductor/right",
    )
    columns = [Column(name, justify="right") for name in headings]
    made = Table(*columns, Column("verdict"), box=box.SIMPLE_HEAD, show_edge=False, title=None)
    for line in lines:
        colour = COLOURS.get(line.verdict)
        verdict = f"[{colour}]{line.verdict}[/{colour}]" if colour else line.verdict
        made.add_row(
            f"{line.rows:,}",
            f"{line.hidden:,}",
            _number(line.bytes / 1e6 or None, 2),
            *(_number(line.times.get(name), 2) for name in (LEFT, INDUCTOR, RIGHT)),
            _number(line.rate, 0),
            *(_number(line.ratio(name), 2) for name in (LEFT, INDUCTOR)),
            verdict,
        )
    return made


def notes(lines: Iterable[Line]) -> list[str]:
    """What the table cannot show: what each lacks, and the inputs at the last size that was timed."""
    found: dict[str, list[str]] = {}
    inputs = ""
    for line in lines:
        at = f"{line.rows:,} x {line.hidden:,}"
        for name, reason in line.reasons.items():
            what = "not timed" if name == ALL else f"no {name}"
            found.setdefault(f"{what}: {reason}", []).append(at)
        if line.not_kernels is not None:
            found.setdefault(f"no verdict: {line.not_kernels}", []).append(at)
        if line.differs is not None:
            found.setdefault(f"the sides differ: {line.differs}", []).append(at)
        if line.inputs:
            inputs = f"inputs at {at}: {', '.join(f'{name} {kind}' for name, kind in line.inputs.items())}"
    told = [f"{text} ({', '.join(places)})" for text, places in found.items()]
    return [escape(text) for text in ([inputs] if inputs else []) + told]


def to_json(line: Line) -> dict[str, Any]:
    return {
        "pattern": line.pattern,
        "rows": line.rows,
        "hidden": line.hidden,
        "inputs": dict(line.inputs),
        "bytes": line.bytes,
        **{f"{name}_us": line.times.get(name) for name in (LEFT, INDUCTOR, RIGHT)},
        "gb_per_s": line.rate,
        "left_over_right": line.ratio(LEFT),
        "inductor_over_right": line.ratio(INDUCTOR),
        "verdict": line.verdict,
        "not_kernels": line.not_kernels,
        "differs": line.differs,
        "reasons": dict(line.reasons),
    }


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
