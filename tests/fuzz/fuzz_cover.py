"""What of the parser an input reaches.

In: a call. Out: the features that it reached: pairs of a parser's state and the terminal it was fed (cheap, for every
input), and lines and steps from line to line of `patdsl/syntax` (dear, for some).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

from lark.parsers.lalr_parser_state import ParserState

import patdsl.syntax

Made = TypeVar("Made")
Feature = tuple[Any, ...]
_FOLDER = str(Path(patdsl.syntax.__file__).parent)


class Cover:
    """Collects features; `new` holds those that the last input was the first to reach."""

    def __init__(self) -> None:
        self.moves: set[Feature] = set()
        self.arcs: set[Feature] = set()
        self.lines: set[Feature] = set()
        self.new = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note every terminal that a parser is fed, in every state."""
        feed = ParserState.feed_token
        moves = self.moves

        def noting(state: Any, token: Any, is_end: bool = False) -> Any:
            move = (state.state_stack[-1], token.type)
            if move not in moves:
                moves.add(move)
                self.new += 1
            return feed(state, token, is_end)

        ParserState.feed_token = noting  # type: ignore[method-assign]
        try:
            yield
        finally:
            ParserState.feed_token = feed  # type: ignore[method-assign]

    def traced(self, call: Callable[[], Made]) -> Made:
        """The call's result, with the lines of the parser that it reached noted."""
        last: dict[FrameType, int] = {}
        before = sys.gettrace()

        def enter(frame: FrameType, event: str, _: Any) -> Any:
            return step if frame.f_code.co_filename.startswith(_FOLDER) else None

        def step(frame: FrameType, event: str, _: Any) -> Any:
            if event == "line":
                self._note(frame.f_code, last.get(frame, 0), frame.f_lineno)
                last[frame] = frame.f_lineno
            elif event == "return":
                last.pop(frame, None)
            return step

        sys.settrace(enter)
        try:
            return call()
        finally:
            sys.settrace(before)

    def _note(self, code: CodeType, old: int, new: int) -> None:
        arc = (code, old, new)
        if arc not in self.arcs:
            self.arcs.add(arc)
            self.lines.add((code.co_filename, new))
            self.new += 1


def all_lines() -> int:
    """The lines of the parser that can be reached at all, those of its modules' own bodies left out."""
    return len({place for path in Path(_FOLDER).glob("*.py") for place in _lines_of(path)})


def _lines_of(path: Path) -> Iterator[tuple[str, int]]:
    waiting = [compile(path.read_text(encoding="utf-8"), str(path), "exec")]
    while waiting:
        code = waiting.pop()
        inner = [one for one in code.co_consts if isinstance(one, CodeType)]
        waiting.extend(inner)
        if code.co_name != "<module>" and code.co_flags & 2:  # functions, not the bodies of classes
            yield from (
                (str(path), line) for _, _, line in code.co_lines() if line and line > code.co_firstlineno
            )
