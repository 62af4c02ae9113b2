"""What to say about a syntax error.

In: the mark at which the parser stopped, its neighbours, and the terminals that it would have taken. Out: one
diagnostic in the words of the language: what was found, what was expected, and how to mend it where that is
clear.
"""

from __future__ import annotations

import unicodedata

from patdsl.diagnostic import Diagnostics, Note
from patdsl.source import Span
from patdsl.syntax.recover import TERMINALS
from patdsl.syntax.syntax_mends import Place, is_reserved_name, mend
from patdsl.syntax.text_to_marks import DECLARATION_WORDS, Mark

_DECLARATIONS = {word.upper() for word in DECLARATION_WORDS}
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "COMPARE", "AND", "OR", "IN"}
_VALUES = {"INT", "FLOAT", "STRING", "TRUE", "FALSE", "NONE", "LSQB"}
_CLAUSES = {"WHERE", "ON", "KEEP", "ROUNDS", "RESTRIDE", "PREFER", "ONLY"}
_OP_CLAUSES = {"WHERE", "EFFECT", "REF", "COMMUTATIVE", "FREE"}
_STATEMENT_WORDS = _CLAUSES | _OP_CLAUSES | {"EXPECT", "AFTER", "WHEN", "IF"}

# (words, terminals that must all be expected, terminals that the words then stand for)
_GROUPS: tuple[tuple[str, set[str], set[str]], ...] = (
    (
        "an expression",
        _VALUES,
        _VALUES
        | {"NAME", "LPAR", "MINUS", "NOT", "UNDERSCORE", "FAN_OUT", "STAR", "OUT", "MUT", "SAME", "TEMP"},
    ),
    (
        "a chain or a statement",
        {"NAME", "UNDERSCORE", "FAN_OUT"},
        _STATEMENT_WORDS | {"NAME", "UNDERSCORE", "FAN_OUT", "LPAR"},
    ),
    ("an op", {"NAME", "FAN_OUT"}, _STATEMENT_WORDS | {"NAME", "FAN_OUT", "LPAR"}),
    ("a statement", {"NAME", "UNDERSCORE", "KEEP"}, _STATEMENT_WORDS | {"NAME", "UNDERSCORE"}),
    ("a type", {"NAME", "LBRACE"}, {"NAME", "LBRACE"}),
    ("a name", {"NAME"}, {"NAME", "MUT"} | _STATEMENT_WORDS),
    ("a clause (`where`, `on`, `keep`, ...)", _CLAUSES, _CLAUSES),
    ("a clause (`where`, `effect`, `ref`, ...)", _OP_CLAUSES, _OP_CLAUSES),
    ("a declaration", _DECLARATIONS, _DECLARATIONS | {"$END"}),
)
_SIGNS = {name: f"`{sign}`" for sign, name in TERMINALS.items()} | {
    "COMPARE": "a comparison",
    "UNDERSCORE": "`_`",
    "INT": "a whole number",
    "STRING": "a string in double quotes",
    "FAN_OUT": "a fan-out such as `2x`",
    "$END": "the end of the file",
}
# What may follow almost anything and is worth saying only where nothing else is expected.
_SELDOM = ({"LPAR", "QMARK", "DOT", "COLON", "PLUS"}, _OPERATORS)

_LOOKALIKES = {
    "→": "write `->`",
    "⇒": "write `=>`",
    "“": 'write strings in straight quotes: `"`',
    "”": 'write strings in straight quotes: `"`',
    "'": 'write strings in double quotes: `"`',
    "&": "write `and`",
    "!": "write `not`, or `!=` to compare",
    ";": "statements end by themselves; leave it out",
    "\u2212": "write a plain minus `-`",
    "\u2013": "write a plain minus `-`",
    "\u00d7": "write `*`, or `2x` for two consumers",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "∈": "write `in`",
}


def report(place: Place, diagnostics: Diagnostics) -> None:
    """Add the one diagnostic that says most about this error."""
    found = place.found
    if found is not None and found.kind == "stray":
        _report_stray(place, found, diagnostics)
    elif found is not None and found.kind == "open_string":
        span = Span(place.source, found.start, found.end)
        diagnostics.add(
            "PAT011",
            span,
            "this string has no end on its line",
            help='close it with `"`; a line break is `\\n`',
        )
    elif found is not None and is_reserved_name(place):
        what = "starts a declaration" if found.text in DECLARATION_WORDS else "is a word of expressions"
        diagnostics.add(
            "PAT017",
            _span(place),
            f"`{found.text}` is reserved (it {what}) and cannot be a name",
            help=f"take another name, such as `{found.text}_`",
        )
    else:
        _report_unexpected(place, diagnostics)


def substitute(place: Place) -> str | None:
    """The terminal that was clearly meant by the mark found: going on with it gives up nothing."""
    found = place.found
    if found is None:
        return None
    if is_reserved_name(place):
        return "NAME"
    meant = {"->": "GIVES", "=>": "ARROW", "→": "ARROW", "⇒": "GIVES"}.get(found.text)
    return meant if meant in place.expected else None


def in_words(expected: set[str], before: str = "") -> str:
    """Terminals as a user calls them ("a name, `(` or a declaration"), behind the text `before`."""
    rest, words = set(expected), []
    if {"ARROW", "EQUAL"} <= rest:
        # The first name of a block may yet turn out to be the target of a statement.
        rest -= {"EQUAL", "COMMA", "COLON"}
    if {"INT", "EQUAL"} <= rest:
        # So may the word of a clause; what follows it as a clause is what was meant.
        rest -= {"EQUAL", "COMMA"}
    if rest == {"NAME", "LBRACE"} and before in {"=", "|"}:
        return "an op or a block in braces"
    for group, needed, covered in _GROUPS:
        if needed <= rest:
            words.append(group)
            rest -= covered
    for seldom in _SELDOM:
        if words or rest - seldom - {"COMMA"}:
            rest -= seldom
    if rest and rest <= _OPERATORS:
        words.append("an operator")
        rest = set()
    words[:0] = sorted(_SIGNS.get(name, f"`{name.lower()}`") for name in rest)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _report_stray(place: Place, found: Mark, diagnostics: Diagnostics) -> None:
    char = found.text
    name = "" if char.isascii() else f" (U+{ord(char):04X} {unicodedata.name(char, 'unnamed')})"
    help = _LOOKALIKES.get(char)
    if help is None and char.isalpha():
        help = "names are made of the letters a to z, digits and `_`"
    diagnostics.add("PAT012", _span(place), f"`{char}`{name} means nothing here", help=help)


def _report_unexpected(place: Place, diagnostics: Diagnostics) -> None:
    wanted = in_words(place.expected, place.beside(-1))
    unclosed = place.unclosed
    notes, code = [], "PAT010"
    if unclosed is not None:
        code = "PAT016"
        notes.append(Note(f"`{unclosed.text}` opened here", Span(place.source, unclosed.start, unclosed.end)))
    help = mend(place)
    diagnostics.add(code, _span(place), f"expected {wanted}, found {_found(place)}", notes=notes, help=help)


def _found(place: Place) -> str:
    if place.found is None:
        return "the end of the file"
    text = place.text if len(place.text) <= 40 else place.text[:37] + "..."
    return f"`{text}`"


def _span(place: Place) -> Span:
    """The mark found; at the end of the file, the place behind the last mark."""
    found = place.found
    if found is None:
        last = place.marks.get(len(place.marks.items) - 1)
        return Span(place.source, last.end, last.end) if last else Span(place.source, 0, 0)
    return Span(place.source, found.start, found.end)
