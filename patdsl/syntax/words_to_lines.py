"""Breaking lines.

In: the words of something printed, each with how deep the place before it lies. Out: lines of at most `WIDTH`
columns, broken at the outermost places that fit. Knows nothing of what the words mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

WIDTH = 110


@attrs.frozen
class Word:
    """Text that is never broken. `depth` counts the brackets around the place before it; 0 breaks first."""

    text: str
    depth: int = 0
    gap: str = " "


Words: TypeAlias = tuple[Word, ...]


def words(text: str) -> Words:
    return (Word(text),)


def glue(*parts: Words | str) -> Words:
    """Parts behind one another, with no place to break between them. Each part has one word at least."""
    result: list[Word] = []
    for part in parts:
        following = words(part) if isinstance(part, str) else part
        if result:
            last = result.pop()
            result.append(Word(last.text + following[0].text, last.depth, last.gap))
            result.extend(following[1:])
        else:
            result.extend(following)
    return tuple(result)


def broken_before(part: Words, depth: int, gap: str = " ") -> Words:
    """The same words, with a place of this depth before the first."""
    return (Word(part[0].text, depth, gap), *part[1:])


def deeper(part: Words, by: int = 1) -> Words:
    """The same words, inside that many more brackets."""
    return tuple(Word(word.text, word.depth + by, word.gap) for word in part)


def separated(parts: Sequence[Words], separator: str, depth: int = 0) -> Words:
    """Parts with a separator behind each but the last, and a place to break behind every separator."""
    result: list[Word] = []
    for index, part in enumerate(parts):
        ended = glue(part, separator) if index < len(parts) - 1 else part
        result.extend(broken_before(ended, depth) if index else ended)
    return tuple(result)


def joined(parts: Sequence[Words], sign: str) -> Words:
    """Parts with a sign before each but the first, and a place to break before every sign."""
    result = list(parts[0])
    for part in parts[1:]:
        result.extend(broken_before(glue(sign, part), 0))
    return tuple(result)


def bracketed(opener: str, parts: Sequence[Words], closer: str) -> Words:
    """A list in brackets: `(a, b)`."""
    if not parts:
        return words(opener + closer)
    return glue(opener, deeper(separated(parts, ",")), closer)


def one_line(part: Words) -> str:
    return "".join((word.gap if index else "") + word.text for index, word in enumerate(part))


def fits(part: Words, indent: int, more: int = 0) -> bool:
    """Whether the words and `more` columns stand on one line."""
    return indent + sum(len(word.gap) + len(word.text) for word in part) - len(part[0].gap) + more <= WIDTH


def to_lines(part: Words, indent: int, continuation: int) -> list[str]:
    """Lines, the first indented by `indent`, the others by `continuation` columns."""
    lines: list[str] = []
    start, column = 0, indent
    while start < len(part):
        end = _line_end(part, start, column)
        lines.append(" " * column + one_line(part[start:end]))
        start, column = end, continuation
    return lines


def _line_end(part: Words, start: int, column: int) -> int:
    """Index of the word that starts the next line: the last of the outermost places that fit."""
    used = column + len(part[start].text)
    best = start + 1
    for index in range(start + 1, len(part)):
        if index == start + 1 or part[index].depth <= part[best].depth:
            best = index
        used += len(part[index].gap) + len(part[index].text)
        if used > WIDTH:
            return best
    return len(part)
