"""From a path to a source text.

In: the path of a `.pat` file. Out: its `Source`, or diagnostics. Takes UTF-8 with or without a byte order
mark and ends lines with a line feed. Does not parse, and never reads more than `MAX_BYTES`.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from pathlib import Path

from patdsl.diagnostic import Diagnostics
from patdsl.source import Source, Span

MAX_BYTES = 1 << 20

# Characters that a reader of the text cannot see or that show it in another order than a parser reads it.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\r(?!\n)"
)
_MOST_UNSEEN_REPORTED = 20


def read_source(path: str | os.PathLike[str], diagnostics: Diagnostics) -> Source | None:
    """The text of a file, or None after a diagnostic (PAT001 to PAT004)."""
    name = os.fspath(path)
    data = _read_bytes(name, diagnostics)
    if data is None:
        return None
    if len(data) > MAX_BYTES:
        diagnostics.add(
            "PAT003",
            None,
            f"`{name}` is larger than {MAX_BYTES} bytes, the most a .pat file may have",
            help="split it into several files and import them",
        )
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder counts from behind a byte order mark; a user counts from the start of the file.
        offset = error.start + len(data) - len(error.object)
        diagnostics.add(
            "PAT002",
            None,
            f"`{name}` is not UTF-8: byte 0x{data[offset]:02x} at offset {offset}"
            f" (line {data.count(10, 0, offset) + 1}) does not belong to a character",
            help="save the file as UTF-8",
        )
        return None
    source = Source(name, text.replace("\r\n", "\n"))
    return source if check_characters(source, diagnostics) else None


def check_characters(source: Source, diagnostics: Diagnostics) -> bool:
    """Whether the text is free of control, invisible and direction-changing characters; PAT004 for each."""
    count = 0
    for found in _UNSEEN.finditer(source.text):
        count += 1
        if count > _MOST_UNSEEN_REPORTED:
            break
        char = found.group()
        what = unicodedata.name(char, "control character")
        diagnostics.add(
            "PAT004",
            Span(source, found.start(), found.end()),
            f"the text holds the invisible character U+{ord(char):04X} ({what})",
            help="remove it; in a string, write it as an escape such as `\\u200e`",
        )
    return count == 0


def _read_bytes(name: str, diagnostics: Diagnostics) -> bytes | None:
    """At most one byte more than allowed, so that a huge file costs no memory."""
    try:
        mode = Path(name).stat().st_mode
        if stat.S_ISDIR(mode):
            diagnostics.add(
                "PAT001", None, f"`{name}` is a folder, not a .pat file", help="name a file in it"
            )
            return None
        if not stat.S_ISREG(mode):
            diagnostics.add("PAT001", None, f"`{name}` is not a regular file")
            return None
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        diagnostics.add("PAT001", None, f"there is no file `{name}`")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        diagnostics.add("PAT001", None, f"`{name}` cannot be read: {reason}")
    return None
