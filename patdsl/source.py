"""Source text and places in it.

In: a path and its text. Out: `Source`, which maps character offsets to lines and columns, and `Span`,
the half-open range of characters that every AST node and every diagnostic carries. Names of files as text, which is
the same in every locale. Reads no file.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from functools import cached_property
from pathlib import PurePath

import attrs


def portable_name(name: str) -> str:
    """A file's name as text: its bytes as UTF-8. Python reads them as the locale says, so that ASCII knows no `é`."""
    try:
        return os.fsencode(name).decode("utf-8", "replace")
    except UnicodeEncodeError:  # not from a file system
        return name


def native_name(name: str) -> str:
    """The other way: what Python must be given to mean the file of this name."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


@attrs.frozen(slots=False, eq=False)
class Source:
    """One `.pat` text, equal only to itself. `name` is how messages call the file: the path as it was given."""

    name: str
    text: str = attrs.field(repr=False)

    @property
    def file_name(self) -> str:
        """The name without folders: what generated modules say, so that they are the same everywhere."""
        return portable_name(PurePath(self.name).name)

    @cached_property
    def line_starts(self) -> list[int]:
        starts = [0]
        for offset, char in enumerate(self.text):
            if char == "\n":
                starts.append(offset + 1)
        return starts

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line_text(self, line: int) -> str:
        """Text of a line (counted from 1) without its line break."""
        start = self.line_starts[line - 1]
        end = self.line_starts[line] - 1 if line < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r")


@attrs.frozen
class Span:
    """Characters `start` to `end` (exclusive) of a source."""

    source: Source = attrs.field(repr=False)
    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The range from the start of this span to the end of the other."""
        return Span(self.source, self.start, other.end)

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def place(self) -> str:
        """`file:line:column`, as editors read it."""
        line, column = self.source.line_column(self.start)
        return f"{self.source.name}:{line}:{column}"
