"""A line on a terminal that says how far a long run is."""

from __future__ import annotations

import sys

import click

from patdsl.render import escape

WIDTH = 100


class Progress:
    """Writes to standard error, and only where that is a terminal."""

    def __init__(self, wanted: bool = True) -> None:
        self.shown = wanted and sys.stderr.isatty()

    def show(self, text: str) -> None:
        """In the place of what was shown before."""
        if self.shown:
            click.echo(f"\r\x1b[K{escape(text)[:WIDTH]}", nl=False, err=True)

    def clear(self) -> None:
        """Before other output."""
        if self.shown:
            click.echo("\r\x1b[K", nl=False, err=True)
