"""Diagnostics as people and tools read them.

In: `Diagnostic` values. Out: text in the style of a compiler (message, place, source line, underline, notes,
help), as plain text or with colour, or a JSON object. Everything that comes from a source file is shown
escaped, so that no file can drive the terminal. Prints nothing and decides no exit code.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from patdsl.diagnostic import Diagnostic
from patdsl.source import Source, Span

if TYPE_CHECKING:
    from rich.text import Text

#: How much of a long source line is shown, and how much of it before the underlined place.
LINE_LIMIT = 100
LINE_LEAD = 40
#: How much of one line of a message is shown; a name in it may be as long as the file.
MESSAGE_LIMIT = 2000
TAB = "    "
CUT = "..."

# Categories that move the cursor, hide or reorder text: controls, formats, surrogates, line and paragraph breaks.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

_COLOURS = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold green",
    "help": "bold cyan",
    "frame": "bold blue",
    "message": "bold",
    "": "",
}

#: Text with the name of its style, a key of `_COLOURS`.
Piece: TypeAlias = tuple[str, str]


def to_text(item: Diagnostic) -> str:
    """Plain text of several lines, without a line break at the end."""
    return "\n".join("".join(text for _, text in line).rstrip() for line in _lines(item))


def to_rich(item: Diagnostic) -> Text:
    """The same text with colours."""
    from rich.text import Text

    lines = (Text.assemble(*((text, _COLOURS[style]) for style, text in line)) for line in _lines(item))
    return Text("\n").join(lines)


def to_json(item: Diagnostic) -> dict[str, Any]:
    """The keys of one finding. Lines and columns count characters from 1, the end is exclusive, none is null."""
    return {
        "code": item.code,
        "severity": item.severity,
        "message": item.message,
        **_place(item.span),
        "notes": [{"message": note.message, **_place(note.span)} for note in item.notes],
        "help": item.help,
    }


def excerpt(span: Span) -> list[str]:
    """The place of a span and its lines, underlined, as plain text."""
    lines = _excerpt(span, _gutter(span), "")
    return ["".join(text for _, text in line).rstrip() for line in lines]


def span_place(span: Span | None) -> dict[str, Any]:
    """A span as JSON has it."""
    return _place(span)


def escape(text: str) -> str:
    """`text` with every character that a terminal would act on written as `\\x1b` or `\\u{202e}`; tabs as blanks."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape_char, text))


def _escape_char(char: str) -> str:
    if char == "\t":
        return TAB
    if unicodedata.category(char) not in _UNSAFE:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"


def _place(span: Span | None) -> dict[str, Any]:
    if span is None:
        return dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
    line, column = span.source.line_column(span.start)
    end_line, end_column = span.source.line_column(span.end)
    return {
        "file": span.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def _lines(item: Diagnostic) -> Iterator[list[Piece]]:
    gutter = max(
        (_gutter(span) for span in (item.span, *(note.span for note in item.notes)) if span), default=1
    )
    yield from _heading(item.severity, f"{item.severity}[{item.code}]", item.message)
    if item.span:
        yield from _excerpt(item.span, gutter, item.severity)
    for note in item.notes:
        yield from _heading("note", "note", note.message)
        if note.span:
            yield from _excerpt(note.span, gutter, "note")
    if item.help:
        yield from _heading("help", "help", item.help)


def _heading(style: str, label: str, message: str) -> Iterator[list[Piece]]:
    """`label: message`; further lines of the message stand under its first."""
    first, *more = message.split("\n")
    yield [(style, label), ("message", f": {_clip(first)}")]
    indent = " " * (len(label) + 2)
    for line in more:
        yield [("", f"{indent}{_clip(line)}")]


def _clip(text: str) -> str:
    if len(text) > MESSAGE_LIMIT:
        half = MESSAGE_LIMIT // 2
        text = f"{text[:half]} {CUT} {text[-half:]}"
    return escape(text)


def _gutter(span: Span) -> int:
    return len(str(span.source.line_column(_last(span))[0]))


def _last(span: Span) -> int:
    """Offset of the last character underlined: a line break at the end of a span is not worth a second line."""
    text = span.source.text
    last = max(span.start, span.end - 1)
    while last > span.start and text[last : last + 1] in {"\n", "\r"}:
        last -= 1
    return last


def _excerpt(span: Span, gutter: int, style: str) -> Iterator[list[Piece]]:
    source = span.source
    line, column = source.line_column(span.start)
    end_line, end_column = source.line_column(_last(span))
    bar = ("frame", f"{' ' * gutter} | ")
    yield [("frame", f"{' ' * gutter}--> "), ("", f"{escape(source.name)}:{line}:{column}")]
    yield [bar]
    if line == end_line:
        yield from _underlined(source, line, column, end_column, gutter, style)
        return
    yield from _underlined(source, line, column, len(source.line_text(line)), gutter, style)
    if end_line > line + 1:
        yield [("frame", CUT)]
    text = source.line_text(end_line)
    indent = len(text) - len(text.lstrip())
    yield from _underlined(source, end_line, min(indent + 1, end_column), end_column, gutter, style)


def _underlined(
    source: Source, line: int, first: int, last: int, gutter: int, style: str
) -> Iterator[list[Piece]]:
    """One source line, and carets under its columns `first` to `last` (from 1, inclusive; at least one caret)."""
    text = source.line_text(line)
    begin, end = 0, len(text)
    if end > LINE_LIMIT:
        begin = max(0, min(first - 1 - LINE_LEAD, end - LINE_LIMIT))
        end = min(end, begin + LINE_LIMIT)
    before = (CUT if begin else "") + escape(text[begin : first - 1])
    under = escape(text[first - 1 : min(last, end)])
    after = escape(text[max(first - 1, min(last, end)) : end]) + (CUT if end < len(text) else "")
    blank = " " * _cells(before)
    carets = "^" * max(1, _cells(before + under) - len(blank))
    yield [("frame", f"{line:>{gutter}} | "), ("", f"{before}{under}{after}")]
    yield [("frame", f"{' ' * gutter} | "), (style, f"{blank}{carets}")]


def _cells(text: str) -> int:
    """Terminal cells that `text` takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # a table of its own, only read where a line needs it

    return cell_len(text)
