"""Measurements -> the terminal, a file, or JSON.

In: `Library`, `Measurement`s. Out: progress on standard error, a bar where that is a terminal and lines elsewhere; a
table or one JSON object on standard output. Measures nothing, decides nothing.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import click
import rich.progress
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from patdsl.commands.report import count, wants_colour
from patdsl.demo.load_library import Library
from patdsl.demo.measure import Measurement, in_words
from patdsl.version import __version__

WIDTH_OF_A_FILE = 132
LEGEND = (
    "Differences are in steps: the distance of neighbouring values of a result's dtype; rounding once is half a step. "
    "A quantised tensor counts times its scales. 'exact': the same bits. Rounded: a pattern says that it rounds a "
    "value elsewhere. 'passes': the time they add to compiling."
)


class Progress:
    """Says what is being done, and what came of it. `steps` is how many times `starting` will be called."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._at = 0
        self._start = time.perf_counter()
        self._bar: rich.progress.Progress | None = None
        self._task: Any = None
        if sys.stderr.isatty():
            self._bar = rich.progress.Progress(
                rich.progress.TextColumn("{task.description}"),
                rich.progress.BarColumn(),
                rich.progress.MofNCompleteColumn(),
                rich.progress.TimeElapsedColumn(),
                console=Console(stderr=True, highlight=False),
                transient=True,
            )

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._start

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._steps)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def library(self, library: Library) -> None:
        self._line(f"{library_text(library)}")

    def starting(self, what: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=what, completed=self._at)
        self._at += 1

    def warmed(self, seconds: float) -> None:
        self._done(f"what torch.compile does once: {seconds:.1f} s")

    def measured(self, one: Measurement) -> None:
        before, after = sum(one.before.values()), sum(one.after.values())
        result = "; ".join(one.problems) or f"{before} ops -> {after}, {_difference(one)}"
        self._done(f"{one.model.title}: {result}")

    def _done(self, text: str) -> None:
        self._line(f"[{self._at:>{len(str(self._steps))}}/{self._steps}] {text}")

    def _line(self, text: str) -> None:
        if self._bar is None:
            click.echo(text, err=True)
        else:
            self._bar.console.print(text, markup=False)


def library_text(library: Library) -> str:
    """What was compiled, in words."""
    files, patterns = count(library.files, "file"), count(library.patterns, "pattern")
    return f"library: {files}, {patterns}, compiled in {library.seconds:.2f} s"


def print_table(
    library: Library, found: Sequence[Measurement], device: str, target: str, seconds: float
) -> None:
    """The ops of each model, a table of numbers with one row a model, what failed, the totals."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else WIDTH_OF_A_FILE
    console = Console(file=sys.stdout, width=width, highlight=False, no_color=not wants_colour(sys.stdout))
    for one in found:
        console.print(f"[bold]{one.model.title}[/bold]")
        for head, counts in (("before", one.before), ("after", one.after), ("matches", one.matches)):
            console.print(f"  {head:<8} {in_words(counts)}", markup=False, soft_wrap=not terminal)
    console.print()
    console.print(_numbers(found))
    console.print(LEGEND, soft_wrap=not terminal)
    for text in _remarks(found):
        console.print(text, markup=False, soft_wrap=not terminal)
    for one in found:
        for problem in one.problems:
            console.print(f"{one.model.name}: {problem}", style="red", markup=False, soft_wrap=not terminal)
    bad = sum(bool(one.problems) for one in found)
    verdict = (
        f"{bad} of {count(len(found), 'model')} failed" if bad else f"{count(len(found), 'model')} fused"
    )
    where = device if device == target else f"{device} ({target})"
    style = "bold red" if bad else "bold green"
    console.print(f"{verdict} on {where} in {seconds:.0f} s", style=style, soft_wrap=True)


def _numbers(found: Sequence[Measurement]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("model")
    for head in ("ops", "vs unfused", "vs float64", "passes ms", "compile s"):
        table.add_column(head, justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            one.model.title,
            f"{sum(one.before.values())} -> {sum(one.after.values())}",
            _difference(one),
            _steps(one.from_float64),
            f"{one.pass_seconds * 1000:.1f}",
            f"{one.unfused_seconds:.2f} -> {one.seconds:.2f}",
            style="red" if one.problems else "",
        )
    return table


def _remarks(found: Sequence[Measurement]) -> Iterator[str]:
    """Where Inductor's own result for the unfused model is not what the model says, bit for bit."""
    for one in found:
        if one.identical and one.from_unfused:
            yield (
                f"{one.model.title}: exact against the model run op by op. Inductor, without the passes, leaves out a "
                f"rounding that the model asks for: {one.from_unfused:.2f} steps."
            )


def _difference(one: Measurement) -> str:
    if one.identical:
        return "exact"
    return f"{_steps(one.from_unfused)}{' rounded' if one.rounds else ''}"


def _steps(steps: float) -> str:
    return f"{steps:.2f}" if math.isfinite(steps) else "not finite"


def print_json(
    library: Library, found: Sequence[Measurement], device: str, target: str, seconds: float
) -> None:
    """The same as data. Steps are numbers, or null where a result is not finite or of another shape."""
    document = {
        "ok": not any(one.problems for one in found),
        "patdsl": __version__,
        "torch": str(torch.__version__),
        "device": device,
        "target": target,
        "seconds": round(seconds, 3),
        "library": {
            "files": library.files,
            "patterns": library.patterns,
            "seconds": round(library.seconds, 3),
        },
        "models": [_to_data(one) for one in found],
    }
    click.echo(json.dumps(document, indent=2))


def _to_data(one: Measurement) -> dict[str, Any]:
    steps = {
        "from_unfused": one.from_unfused,
        "from_unfused_eager": one.from_eager,
        "from_float64": one.from_float64,
        "unfused_from_float64": one.unfused_from_float64,
    }
    return {
        "name": one.model.name,
        "title": one.model.title,
        "ok": not one.problems,
        "problems": list(one.problems),
        "ops_before": _sorted(one.before),
        "ops_after": _sorted(one.after),
        "matches": _sorted(one.matches),
        "rounds": list(one.rounds),
        "identical": one.identical,
        "steps": {name: value if math.isfinite(value) else None for name, value in steps.items()},
        "passes_ms": round(one.pass_seconds * 1000, 3),
        "compile_s": {"unfused": round(one.unfused_seconds, 3), "fused": round(one.seconds, 3)},
    }


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
