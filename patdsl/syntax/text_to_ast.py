"""From a text to its AST.

In: a `Source`. Out: the `File` of what could be parsed, with its comments, and every syntax error of the
text. A declaration with an error in it is left out of the `File`. Reads no file and resolves no name.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import attrs
from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.lexer import Token

from patdsl.diagnostic import Diagnostics, Note
from patdsl.garbage import collections_paused
from patdsl.source import Source, Span
from patdsl.syntax import ast_nodes as ast
from patdsl.syntax import recover, syntax_messages
from patdsl.syntax.grammar_to_parser import PatParser, pat_parser
from patdsl.syntax.path_to_source import check_characters
from patdsl.syntax.syntax_mends import Place
from patdsl.syntax.text_to_marks import Marks, marks_of, outline

MAX_ERRORS = 50

# The parser calls one builder, which holds the text being parsed.
_one_at_a_time = threading.Lock()


def parse(source: Source, diagnostics: Diagnostics) -> ast.File:
    """Parse a text. Adds PAT004 and PAT010 to PAT022; raises nothing, whatever the text holds."""
    empty = ast.File(Span(source, 0, len(source.text)), (), ())
    if not check_characters(source, diagnostics):
        return empty
    comments = outline(source, diagnostics)
    if comments is None:
        return empty
    found = _Findings()
    with _one_at_a_time, collections_paused():
        file = _Run(pat_parser(), source, found).file()
    for item in sorted(found.items, key=lambda item: item.span.start if item.span else 0):
        diagnostics.add(
            item.code, item.span, item.message, notes=item.notes, help=item.help, severity=item.severity
        )
    places = [item.span.start for item in found.items if item.span]
    whole = [decl for decl in file.declarations if not _holds_any(decl.span, places)]
    return attrs.evolve(file, declarations=tuple(whole), comments=comments)


@attrs.define
class _Findings(Diagnostics):
    """The findings in one text, cut off behind `MAX_ERRORS`: a text with more is no `.pat` text at all."""

    def add(
        self,
        code: str,
        span: Span | None,
        message: str,
        *,
        notes: Iterable[Note] = (),
        help: str | None = None,
        severity: str = "error",
    ) -> None:
        if len(self.items) < MAX_ERRORS:
            Diagnostics.add(self, code, span, message, notes=notes, help=help, severity=severity)
        elif not self.is_full:
            stop = f"more than {MAX_ERRORS} syntax errors; the rest of the file was not parsed"
            Diagnostics.add(self, "PAT022", span, stop)

    @property
    def is_full(self) -> bool:
        return len(self.items) > MAX_ERRORS


def _holds_any(span: Span, places: list[int]) -> bool:
    return any(span.start <= place <= span.end for place in places)


class _Run:
    """One parse of one text: Lark's loop, with a way to go on after an error."""

    def __init__(self, parser: PatParser, source: Source, diagnostics: _Findings) -> None:
        parser.builder.begin(source, diagnostics)
        self.source = source
        self.diagnostics = diagnostics
        interactive = parser.lark.parse_interactive(source.text)
        self.state = interactive.parser_state
        lexer_state = interactive.lexer_thread.state
        assert lexer_state is not None
        self.position = lexer_state.line_ctr
        self.marks: Marks | None = None
        self.before: list[int] | None = None
        self.stray_line = 0
        self.resumed_at = -1

    def file(self) -> ast.File:
        """The file, with a `Broken` in place of what could not be parsed."""
        while True:
            try:
                for token in self.state.lexer.lex(self.state):  # type: ignore[no-untyped-call]
                    self.before = self.state.state_stack[:]
                    self.state.feed_token(token)
                    self.before = None
                self.before = self.state.state_stack[:]
                end = Token("$END", "", len(self.source.text), end_pos=len(self.source.text))
                file: ast.File = self.state.feed_token(end, is_end=True)
                return file
            except UnexpectedInput as error:
                self._go_on(error)

    def _go_on(self, error: UnexpectedInput) -> None:
        """Report an error and move the parser behind it."""
        if self.marks is None:
            self.marks = marks_of(self.source.text)
        index = self.marks.index_at(self._offset(error))
        # Fed a token, the parser has reduced as far as it could; what was expected is known from before that.
        expected = recover.expected(self.state, self.before or self.state.state_stack)
        self.before = None
        place = Place(self.source, self.marks, index, expected, recover.innermost_bracket(self.state))
        found = place.found
        is_stray = found is not None and found.kind == "stray"
        line = self.source.line_column(found.start)[0] if found else 0
        if line == 0 or line != self.stray_line:
            syntax_messages.report(place, self.diagnostics)
        meant = syntax_messages.substitute(place)
        if found is not None and meant is not None:
            token = Token(meant, found.text, found.start, end_pos=found.end)
            if recover.accepts(self.state.parse_conf.states, self.state.state_stack, meant):
                self.state.feed_token(token)
                self.position.char_pos = found.end
                return
        if found is not None and is_stray:
            # Going on as if the character were not there finds more than giving up the statement.
            self.stray_line = line
            self.position.char_pos = found.end
            return
        # Whatever the recovery believes of a mark, it is tried once.
        end = len(self.marks.items)
        start = end if self.diagnostics.is_full else min(end, index + (index == self.resumed_at))
        start = recover.resume(self.state, self.marks, start, self.source)
        self.resumed_at = start
        resumed = self.marks.get(start)
        self.position.char_pos = resumed.start if resumed else len(self.source.text)

    def _offset(self, error: UnexpectedInput) -> int:
        if isinstance(error, UnexpectedCharacters):
            return error.pos_in_stream or 0
        if isinstance(error, UnexpectedToken) and error.token.type != "$END":
            return error.token.start_pos or 0
        return len(self.source.text)
