"""What can be seen in a text before it is parsed.

In: a text. Out: its comments, its deepest bracket, and, for messages and recovery after an error, its words
and signs with the bracket that each one stands in. Never fails, whatever the text is.
"""

from __future__ import annotations

import re
from bisect import bisect_left

import attrs

from patdsl.diagnostic import Diagnostics
from patdsl.source import Source, Span
from patdsl.syntax import ast_nodes as ast

MAX_NESTING = 64
DECLARATION_WORDS = frozenset({"import", "const", "host", "op", "pattern", "pass", "test"})
EXPRESSION_WORDS = frozenset({"and", "or", "not", "in", "true", "false", "none"})

_STRING = r'"(?:[^"\\\n]|\\[^\n])*"'
_OUTLINE = re.compile(rf"#[^\n]*|{_STRING}|[()\[\]{{}}]")
_CLOSERS = {")": "(", "]": "[", "}": "{"}
OPENERS = frozenset("([{")
_MARKS = re.compile(
    rf"""
    (?P<comment>\#[^\n]*)
    | (?P<string>{_STRING})
    | (?P<open_string>"[^\n]*)
    | (?P<fan_out>[0-9]+(?:\.\.[0-9]*)?x(?![A-Za-z0-9_]))
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>->|=>|::|[=!<>]=|[-+*/%<>=:.,?|()\[\]{{}}])
    | (?P<stray>[^\s])
    """,
    re.VERBOSE,
)


@attrs.frozen
class Mark:
    """A word or sign. `kind` is a group of `_MARKS`, `opener` the index of the bracket around it."""

    kind: str
    start: int
    end: int
    text: str
    first_on_line: bool
    opener: int | None


@attrs.frozen
class Marks:
    """The marks of a text in order. `partners` leads from each bracket to the one that closes or opens it."""

    items: list[Mark]
    partners: dict[int, int]

    def index_at(self, offset: int) -> int:
        """Index of the first mark that ends behind this offset; the number of marks at the end."""
        return bisect_left(self.items, offset + 1, key=lambda mark: mark.end)

    def around(self, index: int) -> int | None:
        """Index of the innermost bracket that is open before mark `index`, were it not cut off there."""
        if index == 0:
            return None
        before = self.items[index - 1]
        return index - 1 if before.text in OPENERS else before.opener

    def get(self, index: int) -> Mark | None:
        """The mark, or None before the first and behind the last."""
        return self.items[index] if 0 <= index < len(self.items) else None


def outline(source: Source, diagnostics: Diagnostics) -> tuple[ast.Comment, ...] | None:
    """The comments of a text; None after PAT014 where brackets nest deeper than later stages could walk."""
    text = source.text
    comments: list[ast.Comment] = []
    depth = 0
    line_end = 0
    for found in _OUTLINE.finditer(text):
        sign = text[found.start()]
        if sign == "#":
            line_start = text.rfind("\n", line_end, found.start()) + 1 or line_end
            own_line = not text[line_start : found.start()].strip()
            comments.append(_comment(source, found, own_line))
            line_end = found.end()
        elif sign in OPENERS:
            depth += 1
            if depth > MAX_NESTING:
                diagnostics.add(
                    "PAT014",
                    Span(source, found.start(), found.end()),
                    f"brackets nest deeper than {MAX_NESTING} levels here",
                    help="give the inner part a name, or close a bracket that was left open",
                )
                return None
        elif sign in ")]}":
            depth = max(0, depth - 1)
    return tuple(comments)


def _comment(source: Source, found: re.Match[str], own_line: bool) -> ast.Comment:
    text = found.group().rstrip()
    return ast.Comment(Span(source, found.start(), found.start() + len(text)), text, own_line)


def marks_of(text: str) -> Marks:
    """All marks of a text but its comments. A `}` closes what was left open inside; so does a declaration."""
    items: list[Mark] = []
    partners: dict[int, int] = {}
    open_brackets: list[int] = []
    line_end = -1
    for found in _MARKS.finditer(text):
        kind = found.lastgroup or "stray"
        if kind == "comment":
            continue
        first = text.find("\n", line_end, found.start()) >= 0 if line_end >= 0 else True
        line_end = found.end()
        sign = found.group()
        if first and sign in DECLARATION_WORDS:
            open_brackets.clear()
        if kind == "sign" and sign in _CLOSERS:
            opener = _opener(items, open_brackets, _CLOSERS[sign])
            if opener is not None:
                partners[opener] = len(items)
                partners[len(items)] = opener
        around = open_brackets[-1] if open_brackets else None
        items.append(Mark(kind, found.start(), found.end(), sign, first, around))
        if kind == "sign" and sign in OPENERS:
            open_brackets.append(len(items) - 1)
    return Marks(items, partners)


def _opener(items: list[Mark], open_brackets: list[int], sign: str) -> int | None:
    """Take the bracket that a closing one belongs to, and those left open inside it; none beyond a brace."""
    for depth in range(len(open_brackets) - 1, -1, -1):
        opened = items[open_brackets[depth]].text
        if opened == sign:
            index = open_brackets[depth]
            del open_brackets[depth:]
            return index
        if opened == "{":
            break
    return None
