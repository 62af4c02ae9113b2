"""A Python statement on as many lines as it needs, broken where formatters break it.

In: a statement on one line, its indentation. Out: its lines. Breaks inside the last brackets: their content on a line of
its own where it fits, else one item a line with a comma behind each.
"""

from __future__ import annotations

from patdsl.compiler.data_to_python import WIDTH

_CLOSING = {"(": ")", "[": "]", "{": "}"}


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
    lines = [line for item in _items(inside) for line in fitted(item, indent + 4, ",")]
    return [head, *lines, tail]


def all_lines(parts: list[str], indent: int) -> list[str]:
    """`return` of conditions that must all hold."""
    pad = " " * indent
    flat = f"return {' and '.join(parts)}"
    if len(parts) == 1:
        flat = f"return {_without_parentheses(parts[0])}"
    if indent + len(flat) <= WIDTH:
        return [f"{pad}{flat}"]
    lines = [f"{pad}return ("]
    for at, part in enumerate(parts):
        text = f"and {part}" if at else part
        if indent + 4 + len(text) <= WIDTH or not part.startswith("("):
            lines += fitted(text, indent + 4)
            continue
        lines.append(f"{pad}    {'and (' if at else '('}")
        for number, each in enumerate(part[1:-1].split(" or ")):
            text = f"{'or ' if number else ''}{each}"
            lines += [f"{pad}        {line}" for line in text.replace(" and ", "\nand ").split("\n")]
        lines.append(f"{pad}    )")
    return [*lines, f"{pad})"]


def _without_parentheses(part: str) -> str:
    whole = part.startswith("(") and _last_brackets(part) == (0, len(part) - 1)
    return part[1:-1] if whole else part


def _last_brackets(text: str) -> tuple[int, int] | None:
    """The outermost brackets that close last and hold something."""
    found = None
    stack: list[int] = []
    quote = ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char in _CLOSING:
            stack.append(at)
        elif char in _CLOSING.values():
            start = stack.pop()
            if not stack and at > start + 1:
                found = (start, at)
    return found


def _items(text: str) -> list[str]:
    """What commas outside of brackets and strings part."""
    items, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[at - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and not depth:
            items.append(text[start:at].strip())
            start = at + 1
    return [*items, text[start:].strip()]
