"""Comments and blank lines, each at the item that it belongs to.

In: the items of a file (what is printed on lines of its own, with its place in the source) and the file's
comments. Out: the items with the comments before and beside them, and the lines of it all. No comment is
lost: one inside an item stands before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import attrs

from patdsl.source import Source
from patdsl.syntax import ast_nodes as ast


@attrs.define(eq=False)
class Item:
    """Lines that stand together. `start` and `end` are where it was in the source.

    `blank` asks for a blank line before it where the source had one; comments before it are indented by `indent`;
    `opens` says that a block starts behind it.
    """

    start: int
    end: int
    lines: list[str]
    indent: int = 0
    blank: bool = False
    opens: bool = False
    before: list[ast.Comment] = attrs.Factory(list)
    beside: ast.Comment | None = None


def place_comments(items: Iterable[Item], comments: Iterable[ast.Comment]) -> list[ast.Comment]:
    """Give each comment to an item; returns those behind the last item."""
    in_order = sorted(items, key=lambda item: item.start)
    starts = [item.start for item in in_order]
    rest: list[ast.Comment] = []
    for comment in comments:
        index = bisect_right(starts, comment.span.start) - 1
        item = in_order[index] if index >= 0 else None
        if item is not None and comment.span.start < item.end:
            item.before.append(comment)
        elif item is not None and _is_beside(item, comment):
            item.beside = comment
        elif index + 1 < len(in_order):
            in_order[index + 1].before.append(comment)
        else:
            rest.append(comment)
    return rest


def _is_beside(item: Item, comment: ast.Comment) -> bool:
    between = comment.span.source.text[item.end : comment.span.start]
    return not comment.own_line and "\n" not in between


def item_lines(items: Iterable[Item], rest: Iterable[ast.Comment], source: Source) -> list[str]:
    """The lines of a file, with at most one blank line where the source had some."""
    lines: list[str] = []
    is_first = True
    for item in items:
        for comment in item.before:
            if not is_first and has_blank_before(source, comment.span.start):
                lines.append("")
            lines.append(" " * item.indent + comment.text)
            is_first = False
        if item.blank and not is_first and has_blank_before(source, item.start):
            lines.append("")
        lines.extend(item.lines)
        if item.beside is not None:
            lines[-1] += f"  {item.beside.text}"
        is_first = item.opens
    for comment in rest:
        if lines and has_blank_before(source, comment.span.start):
            lines.append("")
        lines.append(comment.text)
    return lines


def has_blank_before(source: Source, start: int) -> bool:
    """Whether at least one empty line stands right before the line of this offset."""
    text = source.text
    at = start
    newlines = 0
    while at > 0 and text[at - 1] in " \t\r\n":
        at -= 1
        newlines += text[at] == "\n"
    return newlines >= 2
