"""How to mend a syntax error, where that is clear.

In: the place of an error. Out: one line of advice, or None. A table: the first row that fits counts.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import attrs

from patdsl.source import Source
from patdsl.syntax.recover import TERMINALS
from patdsl.syntax.text_to_marks import DECLARATION_WORDS, EXPRESSION_WORDS, Mark, Marks

_CLOSERS = {"(": "RPAR", "[": "RSQB", "{": "RBRACE"}
_CLAUSE_WORDS = {"where", "on", "keep", "prefer", "rounds", "restride", "only"}


@attrs.frozen
class Place:
    """An error: the mark found (None at the end), those beside it, and what was expected.

    `opened` is where the innermost bracket starts that the parser waits for the end of, or None.
    """

    source: Source
    marks: Marks
    index: int
    expected: set[str]
    opened: int | None

    @property
    def found(self) -> Mark | None:
        return self.marks.get(self.index)

    @property
    def text(self) -> str:
        return self.beside(0)

    def beside(self, distance: int) -> str:
        mark = self.marks.get(self.index + distance)
        return mark.text if mark else ""

    @property
    def unclosed(self) -> Mark | None:
        """The bracket that the parser waits for the end of, where the text has no end for it."""
        if self.opened is None:
            return None
        around = self.marks.index_at(self.opened)
        if around in self.marks.partners:
            return None
        opener = self.marks.items[around]
        is_end = self.found is None or self.found.text in DECLARATION_WORDS
        return opener if is_end or _CLOSERS[opener.text] in self.expected else None


def is_reserved_name(place: Place) -> bool:
    """Whether a reserved word stands where a name should, not where it starts what it introduces."""
    found = place.found
    if found is None or "NAME" not in place.expected:
        return False
    if found.text in EXPRESSION_WORDS:
        return found.text not in {"and", "or", "in"} or place.beside(1) == "="
    if found.text not in DECLARATION_WORDS:
        return False
    return not found.first_on_line or place.beside(1) in {"=", ","}


def mend(place: Place) -> str | None:
    """What to write instead."""
    return next((help(place) for fits, help in _MENDS if fits(place)), None)


def _misspelt(place: Place) -> str | None:
    """The expected word that the one found looks like."""
    found = place.found
    if found is None or found.kind != "word":
        return None
    words = [name.lower() for name in place.expected if name.isalpha() and name not in TERMINALS.values()]
    words = [word for word in words if word not in {"name", "int", "float", "string", "underscore"}]
    near = difflib.get_close_matches(found.text.lower(), sorted(words), 1, 0.75)
    return near[0] if near else None


def _is_split_fan_out(place: Place) -> bool:
    """`2 x op`, with the parser standing at any of the three."""
    return any(
        place.beside(at).isdecimal() and place.beside(at + 1) in {"x", "X"} and place.beside(at + 2) != "="
        for at in (0, -1, -2)
    )


def _lacks_comma(place: Place) -> bool:
    found = place.found
    if found is None or found.first_on_line or "COMMA" not in place.expected:
        return False
    return found.kind in {"word", "number", "string", "fan_out"} and "ARROW" not in place.expected


def _is_bare_call(place: Place) -> bool:
    return place.text == "(" and {"EQUAL", "COMMA"} <= place.expected and "ARROW" not in place.expected


_MENDS: tuple[tuple[Callable[[Place], bool], Callable[[Place], str]], ...] = (
    (
        lambda p: p.text in {"->", "="} and "GIVES" in p.expected,
        lambda p: "write `=>` between the two sides of a pattern",
    ),
    (lambda p: p.text == "=>" and "ARROW" in p.expected, lambda p: "write `->`"),
    (
        lambda p: "GIVES" in p.expected and (p.text in {"", "}"} or p.text in DECLARATION_WORDS),
        lambda p: "a pattern needs a right side: add `=>` and what it becomes",
    ),
    (_is_split_fan_out, lambda p: "write a fan-out in one word: `2x`"),
    (
        lambda p: p.beside(1) == "+" and p.beside(2) == "x" and "FAN_OUT" in p.expected,
        lambda p: f"write `{p.text}..x` for {p.text} or more",
    ),
    (
        _is_bare_call,
        lambda p: f"a statement gives its value a name: `y = {p.beside(-1)}(...)`",
    ),
    (
        lambda p: p.text == "=" and p.beside(-1) in EXPRESSION_WORDS,
        lambda p: f"`{p.beside(-1)}` is reserved and cannot be a name",
    ),
    (
        lambda p: (
            (p.text == "=" and "COMPARE" in p.expected) or (p.beside(-1) == "=" and "EFFECT" in p.expected)
        ),
        lambda p: "write `==` to compare",
    ),
    (
        lambda p: p.text == ")" and {"COMMA", "VBAR", "ARROW"} <= p.expected,
        lambda p: "a group holds two chains or more; leave out the parentheses",
    ),
    (
        lambda p: p.beside(1) == "=" and {"ARROW", "GIVES"} <= p.expected,
        lambda p: "a block is made of statements (`y = f(x)`), a chain of ops alone (`f -> g`)",
    ),
    (
        lambda p: p.text in {"==", "!=", "<", ">", "<=", ">=", "and", "or"} and "PLUS" in p.expected,
        lambda p: "put the condition in parentheses, or in a `where`",
    ),
    (
        lambda p: p.text == "," and "DOT" in p.expected and {"LPAR", "IMPORT"} <= p.expected,
        lambda p: "write one import for each file",
    ),
    (
        lambda p: p.beside(1) == "." and p.beside(2) == "." and "FAN_OUT" in p.expected,
        lambda p: "write a fan-out in one word: `1..x`, `2..4x`",
    ),
    (lambda p: p.text == ":" and "DOUBLE_COLON" in p.expected, lambda p: "write `::`"),
    (
        lambda p: p.text == "|" and {"ARROW", "GIVES"} <= p.expected,
        lambda p: "put alternatives in parentheses: `(a | b)`",
    ),
    (lambda p: p.text == "[" and p.expected == {"LBRACE"}, lambda p: "a set stands in braces: `{64, 128}`"),
    (lambda p: p.text == "not" and p.beside(1) == "in", lambda p: "write `not x in {...}`"),
    (lambda p: p.text == "=>" and "COMPARE" in p.expected, lambda p: "greater or equal is `>=`"),
    (
        lambda p: p.text in _CLAUSE_WORDS and {"PATTERN", "OP"} <= p.expected,
        lambda p: "the clauses of a pattern stand inside its braces",
    ),
    (lambda p: _misspelt(p) is not None, lambda p: f"did you mean `{_misspelt(p)}`?"),
    (
        lambda p: p.text == "=" and "COLON" in p.expected,
        lambda p: "a parameter has a type: `name: type = default`",
    ),
    (_lacks_comma, lambda p: "put a `,` before it"),
)
