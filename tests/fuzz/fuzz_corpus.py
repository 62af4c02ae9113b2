"""What fuzzing starts from.

In: the `.pat` files of the library and of the tests, the examples of the error pages. Out: whole texts, their
declarations, and their nodes by kind, in an order that does not change from run to run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import attrs

from patdsl.diagnostic import Diagnostics
from patdsl.locate import library_folder
from patdsl.source import Source, Span
from patdsl.syntax import ast_nodes as ast
from patdsl.syntax.text_to_ast import parse

ROOT = Path(__file__).parents[2]
GOLDEN, PAPER = ROOT / "tests" / "golden", ROOT / "tests" / "paper"

#: Longer texts are used by the declaration: a case is to take about a millisecond.
LONGEST = 700
_EXAMPLE = re.compile(r"^```pat[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

#: Nodes of one kind may stand in each other's place.
KINDS: dict[type[Any], str] = {
    **dict.fromkeys(
        (ast.Literal, ast.Unary, ast.Binary, ast.Member, ast.ListExpr, ast.Wildcard, ast.Call), "expr"
    ),
    **dict.fromkeys((ast.TensorType, ast.PlainType), "type"),
    **dict.fromkeys((ast.ChainOp, ast.Group, ast.Alternatives), "element"),
    **dict.fromkeys((ast.Where, ast.Keep, ast.Rounds, ast.Restride, ast.Prefer, ast.Only, ast.On), "clause"),
    **dict.fromkeys(
        (ast.Import, ast.Const, ast.Host, ast.OpDecl, ast.PatternDecl, ast.PassDecl, ast.TestDecl),
        "declaration",
    ),
}


@attrs.frozen
class Piece:
    """A node's text and place; `kind` is a value of `KINDS`, else the name of its class."""

    kind: str
    start: int
    end: int
    text: str


def files() -> list[Path]:
    """The `.pat` files that fuzzing starts from."""
    return [
        *sorted(library_folder().rglob("*.pat")),
        *sorted(GOLDEN.glob("*.pat")),
        *sorted(PAPER.glob("*.pat")),
    ]


@cache
def wholes() -> tuple[str, ...]:
    """Texts that mean something by themselves: short files, and the examples of the error pages."""
    texts = [path.read_text(encoding="utf-8") for path in files()]
    pages = sorted((ROOT / "docs" / "errors").glob("PAT*.md"))
    examples = [text for page in pages for text in _EXAMPLE.findall(page.read_text(encoding="utf-8"))]
    return tuple(dict.fromkeys(text for text in (*texts, *examples) if len(text) <= LONGEST))


@cache
def declarations() -> tuple[str, ...]:
    """The declarations of all files, each once."""
    texts = [path.read_text(encoding="utf-8") for path in files()]
    found = [piece.text for text in texts for piece in pieces(text) if piece.kind == "declaration"]
    return tuple(dict.fromkeys(text for text in found if len(text) <= LONGEST))


@cache
def spare_parts() -> dict[str, tuple[str, ...]]:
    """The texts of all nodes of the corpus, by kind."""
    found: dict[str, dict[str, None]] = {}
    for text in (*wholes(), *declarations()):
        for piece in pieces(text):
            found.setdefault(piece.kind, {})[piece.text] = None
    return {kind: tuple(texts) for kind, texts in found.items()}


@lru_cache(maxsize=4096)
def pieces(text: str) -> tuple[Piece, ...]:
    """Every node of what can be parsed of a text."""
    try:
        found = parse(Source("case.pat", text), Diagnostics())
    except Exception:  # what is found wrong here is found again, and reported, where texts are checked
        return ()
    return tuple(piece for piece in _pieces(found) if 0 < piece.end - piece.start < len(text))


def _pieces(value: Any) -> Iterator[Piece]:
    if isinstance(value, tuple):
        for item in value:
            yield from _pieces(item)
    elif attrs.has(type(value)) and not isinstance(value, (Span, Source)):
        span: Span = value.span
        yield Piece(KINDS.get(type(value), type(value).__name__), span.start, span.end, span.text)
        for field in attrs.fields(type(value)):
            yield from _pieces(getattr(value, field.name))
