"""A Python statement on as many lines as it needs, broken where formatters break it.

In: a statement on one line, its indentation. Out: its lines. Breaks inside the last brackets: their content on a line
of its own where it fits, else one item a line with a comma behind each.
"""

from __future__ import annotations

from collections.abc import Sequence

from patdsl.compiler.data_to_python import WIDTH


def fitted(text: str, indent: int, comma: str = "") -> list[str]:
    """`comma` follows the statement, or the item of a list."""
    pad = " " * indent
    brackets = _last_brackets(text)
    if len(pad) + len(text) + len(comma) <= WIDTH or brackets is None:
        return [f"{pad}{text}{comma}"]
    start, end = brackets
    inside = text[start + 1 : end]
    if indent + start + 1 > WIDTH and " = " in text[:start]:
        name, _, value = text.partition(" = ")
        return [f"{pad}{name} = (", *fitted(value, indent + 4), f"{pad})"]
    head, tail = f"{pad}{text[: start + 1]}", f"{pad}{text[end:]}{comma}"
    is_call = text[start] == "(" and text[start - 1 : start].isidentifier()
    if is_call and indent + 4 + len(inside) <= WIDTH:
        return [head, f"{pad}    {inside}", tail]
    lines = [line for item in _parted(inside, ", ") for line in fitted(item, indent + 4, ",")]
    return [head, *lines, tail]


def tuple_text(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def all_lines(parts: list[str], indent: int) -> list[str]:
    """`return` of conditions that must all hold."""
    pad = " " * indent
    flat = f"return {' and '.join(parts)}"
    if len(parts) == 1:
        flat = f"return {_without_parentheses(parts[0])}"
    if indent + len(flat) <= WIDTH:
        return [f"{pad}{flat}"]
    *first, last = parts
    head = f"{pad}return {' and '.join(first)} and ("
    if len(parts) == 2 and _without_parentheses(last) != last and len(head) <= WIDTH:
        inner = f"{pad}    {_without_parentheses(last)}"
        if len(inner) <= WIDTH:
            return [head, inner, f"{pad})"]
    lines = [f"{pad}return ("]
    for at, part in enumerate(parts):
        lines += _operand_lines("and " if at else "", part, indent + 4)
    return [*lines, f"{pad})"]


def _operand_lines(word: str, operand: str, indent: int) -> list[str]:
    """An operand of a condition that stands on several lines, behind its `and` or `or`."""
    pad = " " * indent
    inner = _without_parentheses(operand)
    if indent + len(word) + len(operand) <= WIDTH or inner == operand:
        return fitted(f"{word}{operand}", indent)
    lines = [f"{pad}{word}("]
    for number, either in enumerate(_parted(inner, " or ")):
        for at, each in enumerate(_parted(either, " and ")):
            lines += _operand_lines("and " if at else "or " if number else "", each, indent + 4)
    return [*lines, f"{pad})"]


def _parted(text: str, word: str) -> list[str]:
    """What a word outside of brackets and strings parts."""
    found, depth, quoted, start = [], 0, False, 0
    for at, char in enumerate(text):
        quoted ^= char == '"'
        depth += 0 if quoted else (char in "([{") - (char in ")]}")
        if not depth and not quoted and text.startswith(word, at):
            found.append(text[start:at])
            start = at + len(word)
    return [*found, text[start:]]


def _without_parentheses(part: str) -> str:
    whole = part.startswith("(") and _last_brackets(part) == (0, len(part) - 1)
    return part[1:-1] if whole else part


def _last_brackets(text: str) -> tuple[int, int] | None:
    """The outermost brackets that close last and hold something."""
    found = None
    stack: list[int] = []
    quoted = False
    for at, char in enumerate(text):
        quoted ^= char == '"'
        if quoted:
            continue
        if char in "([{":
            stack.append(at)
        elif char in ")]}":
            start = stack.pop()
            if not stack and at > start + 1:
                found = (start, at)
    return found
