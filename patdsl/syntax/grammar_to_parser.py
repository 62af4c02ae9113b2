"""From `pat.lark` to the parser.

In: the grammar file. Out: one LALR(1) parser for the process, made at first use (about 0.14 s). It is made
from the grammar each time rather than read from a cache: a cached table is a pickle, which whoever can write
it controls.
"""

from __future__ import annotations

from functools import lru_cache

import attrs
from lark import Lark

from patdsl.locate import grammar_file
from patdsl.syntax.tree_to_ast import TreeToAst


@attrs.frozen
class PatParser:
    """The parser and the builder of nodes that it calls, which holds one text at a time."""

    lark: Lark
    builder: TreeToAst


@lru_cache(maxsize=1)
def pat_parser() -> PatParser:
    """The parser of `.pat` texts. Raises FileNotFoundError where the installation lacks the grammar."""
    builder = TreeToAst()
    lark = Lark(
        grammar_file().read_text(encoding="utf-8"),
        start="file",
        parser="lalr",
        lexer="contextual",
        transformer=builder,
        keep_all_tokens=True,
        maybe_placeholders=False,
    )
    return PatParser(lark, builder)
