"""Going on behind a syntax error, so that one run finds all of them.

In: the parser's state at an error and the marks of the text. Out: the state as if the broken part had been a
whole statement, clause, binding or declaration, and the mark at which to go on: the next one that starts a
declaration, a statement or a clause, or that ends what is broken. Reports nothing.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from lark import Token, Tree
from lark.parsers.lalr_analysis import Shift
from lark.parsers.lalr_parser_state import ParserState

from patdsl.source import Source, Span
from patdsl.syntax.text_to_marks import DECLARATION_WORDS, EXPRESSION_WORDS, OPENERS, Mark, Marks
from patdsl.syntax.tree_to_expr import Broken

State: TypeAlias = "ParserState[int]"
Table: TypeAlias = dict[int, dict[str, tuple[Any, Any]]]

# Rules that a broken part can stand for. Inner ones first: as little as possible is given up.
_REPLACEABLE = (
    "element",
    "statement",
    "chain",
    "expect",
    "clause",
    "op_clause",
    "binding",
    "pass_clause",
    "const_value",
    "parameters",
    "pattern_parameters",
    "results",
    "declaration",
)
# Signs at which to go on even in the middle of a line.
_RESUMING = frozenset({"=>", "->", "|", "{", "}"})
TERMINALS = {
    "->": "ARROW",
    "=>": "GIVES",
    "::": "DOUBLE_COLON",
    "=": "EQUAL",
    ":": "COLON",
    ".": "DOT",
    "+": "PLUS",
    "-": "MINUS",
    "*": "STAR",
    "/": "SLASH",
    "%": "PERCENT",
    ",": "COMMA",
    "?": "QMARK",
    "|": "VBAR",
    "(": "LPAR",
    ")": "RPAR",
    "[": "LSQB",
    "]": "RSQB",
    "{": "LBRACE",
    "}": "RBRACE",
} | dict.fromkeys(("==", "!=", "<=", ">=", "<", ">"), "COMPARE")


def expected(state: State, stack: list[int]) -> set[str]:
    """The terminals that a parser with this stack of states takes next."""
    table: Table = state.parse_conf.states
    terminals = (name for name in table[stack[-1]] if name.isupper() or name == "$END")
    return {name for name in terminals if accepts(table, stack, name)}


def innermost_bracket(state: State) -> int | None:
    """Where the bracket starts whose end the parser waits for, or None."""
    brackets = (
        value for value in reversed(state.value_stack) if isinstance(value, Token) and value in OPENERS
    )
    opened = next(brackets, None)
    return opened.start_pos if opened is not None else None


def accepts(table: Table, stack: list[int], terminal: str) -> bool:
    """Whether a parser with this stack of states takes the terminal, which LALR tables alone do not tell."""
    stack = stack[-1:] if table[stack[-1]].get(terminal, (None,))[0] is Shift else list(stack)
    while True:
        action, target = table[stack[-1]].get(terminal, (None, None))
        if action is None:
            return False
        if action is Shift:
            return True
        if target.expansion:
            del stack[-len(target.expansion) :]
        if not stack or target.origin.name not in table[stack[-1]]:
            return False
        stack.append(table[stack[-1]][target.origin.name][1])
        if terminal == "$END" and target.origin.name == "file":
            return True


def resume(state: State, marks: Marks, index: int, source: Source) -> int:
    """Change the state so that parsing can go on at the mark whose index is returned."""
    error_start = marks.items[index].start if index < len(marks.items) else len(source.text)
    at = _behind_brackets(marks, index)
    while at < len(marks.items):
        mark = marks.items[at]
        if _may_resume(marks, at) and _replace(state, _terminals(marks, at), error_start, mark.start, source):
            return at
        is_skipped = mark.text in OPENERS and at in marks.partners
        at = marks.partners[at] + 1 if is_skipped else at + 1
    _replace(state, ["$END"], error_start, len(source.text), source)
    return at


def _behind_brackets(marks: Marks, index: int) -> int:
    """Leave closed brackets around the error, but no block: what is in them belongs to what is broken."""
    around = marks.around(index)
    while around is not None and around in marks.partners and not _is_block(marks, around):
        index = marks.partners[around] + 1
        around = marks.items[around].opener
    return index


def _is_block(marks: Marks, opener: int) -> bool:
    """Whether a bracket is the brace of a block, not of a set of values or dtypes."""
    if marks.items[opener].text != "{":
        return False
    before = marks.get(opener - 1)
    return before is None or before.text not in {"in", ":", "temp", "(", ","}


def _may_resume(marks: Marks, at: int) -> bool:
    mark = marks.items[at]
    if mark.text in DECLARATION_WORDS:
        return True
    if mark.text == "{" and not _is_block(marks, at):
        return False
    return mark.first_on_line or mark.text in _RESUMING


def _terminals(marks: Marks, at: int) -> list[str]:
    """What a mark can be to the parser. A name counts only where it starts a statement."""
    mark = marks.items[at]
    if mark.kind == "sign":
        return [TERMINALS[mark.text]]
    if mark.kind != "word":
        return []
    is_reserved = mark.text in DECLARATION_WORDS or mark.text in EXPRESSION_WORDS
    if is_reserved and not _is_target(marks, at):
        return [mark.text.upper()]
    if _starts_statement(marks, at):
        return [mark.text.upper(), "NAME"] if mark.text != "_" else ["UNDERSCORE"]
    return [mark.text.upper()]


def _is_target(marks: Marks, at: int) -> bool:
    following = marks.get(at + 1)
    return following is not None and following.text in {"=", ","}


def _starts_statement(marks: Marks, at: int) -> bool:
    """Whether an `=` follows on the line before any bracket, even if what stands before it is wrong."""
    following: Mark | None = marks.items[at]
    while following is not None and (following.kind == "word" or following.text == ","):
        at += 1
        following = marks.get(at)
        if following is not None and following.first_on_line:
            return False
    return following is not None and following.text == "="


def _replace(state: State, terminals: list[str], start: int, end: int, source: Source) -> bool:
    """Give up as little of the stack as lets the parser take one of the terminals; False if nothing does."""
    table: Table = state.parse_conf.states
    states, values = state.state_stack, state.value_stack
    # A second `=>` does not undo the first.
    least = 0
    if terminals == ["GIVES"]:
        least = max((index for index, value in enumerate(values) if _is_arrow(value)), default=-1) + 1
    for depth in range(len(states) - 1, least - 1, -1):
        here = table[states[depth]]
        for rule in _REPLACEABLE:
            if rule not in here:
                continue
            replaced = [*states[: depth + 1], here[rule][1]]
            if any(accepts(table, replaced, terminal) for terminal in terminals):
                if depth < len(values):
                    start = min(start, _start_of(values[depth]))
                states[depth + 1 :] = replaced[-1:]
                values[depth:] = [Broken(Span(source, start, end))]
                return True
    return False


def _is_arrow(value: Any) -> bool:
    return isinstance(value, Token) and value.type == "GIVES"


def _start_of(value: Any) -> int:
    if isinstance(value, Token):
        return value.start_pos or 0
    if isinstance(value, Tree):
        # A repetition that the grammar's compiler made; it holds one part at least.
        return _start_of(value.children[0])
    span: Span = value.span
    return span.start
