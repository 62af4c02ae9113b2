"""Findings -> the terminal: as text with colour where it is one, or as JSON.

Takes the pipeline's outcomes, prints each finding once, in order of file and place. Decides what counts as failure.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import attrs
import click

from patdsl import render
from patdsl.diagnostic import Diagnostic

if TYPE_CHECKING:
    from patdsl.pipeline import Outcome


@attrs.frozen
class Findings:
    """What a run found."""

    items: tuple[Diagnostic, ...]
    files: int

    @property
    def errors(self) -> int:
        return sum(item.severity == "error" for item in self.items)

    @property
    def exit_code(self) -> int:
        """1 where there is an error; a warning alone does not fail."""
        return 1 if self.errors else 0

    def summary(self) -> str:
        """`3 files: 2 errors, 1 warning`."""
        warnings = len(self.items) - self.errors
        counts = [count(self.errors, "error")] if self.errors else []
        counts += [count(warnings, "warning")] if warnings else []
        return f"{count(self.files, 'file')}: {', '.join(counts) or 'no errors'}"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def collect(outcomes: Iterable[Outcome]) -> Findings:
    """Every finding of the outcomes."""
    return gather((outcome.path, outcome.diagnostics) for outcome in outcomes)


def gather(found: Iterable[tuple[Path, Iterable[Diagnostic]]]) -> Findings:
    """Every finding once, by file and place: files that import one another find the same."""
    files = 0
    items: dict[tuple[str, Diagnostic], Diagnostic] = {}
    for path, diagnostics in found:
        files += 1
        for item in sorted(diagnostics, key=_order):
            # A span's source takes no part in equality, so the file's name must.
            items.setdefault((item.span.source.name if item.span else str(path), item), item)
    return Findings(tuple(items.values()), files)


def _order(item: Diagnostic) -> tuple[str, int]:
    return (item.span.source.name, item.span.start) if item.span else ("", 0)


def print_findings(findings: Findings, stream: TextIO | None = None) -> None:
    """Each finding, a blank line after it. Colour only where `stream` (standard error if not given) is a terminal."""
    stream = stream or sys.stderr
    if not wants_colour(stream):
        for item in findings.items:
            click.echo(render.to_text(item) + "\n", file=stream)
        return
    from rich.console import Console

    console = Console(file=stream, highlight=False, soft_wrap=True)
    for item in findings.items:
        console.print(render.to_rich(item), "", sep="\n")


def print_exactly() -> None:
    """What follows on standard output is for a file: UTF-8 and line feeds in every locale, as files are written."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")


def wants_colour(stream: TextIO) -> bool:
    """Whether to ask rich to print, which itself heeds NO_COLOR, FORCE_COLOR and TERM=dumb."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def print_json(findings: Findings, **more: Any) -> None:
    """One JSON object on standard output: `diagnostics`, then what the command adds."""
    document = {"diagnostics": [render.to_json(item) for item in findings.items], **more}
    click.echo(json.dumps(document, indent=2))
