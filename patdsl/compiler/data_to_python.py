"""attrs values as Python source that builds them again.

In: frozen attrs values, containers, constants. Out: formatted source: one line where it fits, else one item a line with
a trailing comma, as formatters leave it. Fields at their defaults are left out. Nothing is evaluated or trusted:
strings are written as literals, everything else by its class's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from patdsl.expr import Binary, Func, Items, Member, Unary
from patdsl.resolved_to_text import expr_text
from patdsl.text_to_expr import expr

WIDTH = 110

#: Classes with more fields than this are written with field names.
MOST_BY_POSITION = 4


def printable(line: str) -> str:
    """What can stand in a comment: a file may be called anything."""
    return "".join(char if char.isprintable() else "?" for char in line)


def _literal(text: str) -> str:
    """A string literal in ASCII, in the quotes that need fewer escapes, as formatters choose them."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + text.encode("unicode_escape").decode("ascii").replace(quote, f"\\{quote}") + quote


class PythonWriter:
    """Writes values.

    `names` maps values that have a name in the module to that name; `omit(value, field)` says which fields need not be
    written.
    Collects the classes and functions used.
    """

    def __init__(self, omit: Callable[[Any, str], bool] = lambda value, field: False) -> None:
        self.names: dict[Any, str] = {}
        self.omit = omit
        self.classes: set[str] = set()
        self.functions: set[str] = set()

    def write(self, value: Any, indent: int = 0, used: int = 0) -> str:
        """Source of `value`, on lines indented by `indent`; `used` columns of the first line are taken already."""
        flat = self._flat(value)
        if indent + used + len(flat) <= WIDTH:
            return flat
        outer, inner = " " * indent, " " * (indent + 4)
        text = self._as_text(value)
        if text is not None:
            return f"expr(\n{inner}{text}\n{outer})"  # one argument: formatters put no comma after it
        opening, parts, closing = self._parts(value) or ("", [], "")
        if not parts:
            return flat
        lines = [
            f"{inner}{prefix}{self.write(item, indent + 4, len(prefix) + 1)},\n" for prefix, item in parts
        ]
        return f"{opening}\n{''.join(lines)}{outer}{closing}"

    def _flat(self, value: Any) -> str:
        name = self._name(value)
        if name is not None:
            return name
        parts = self._parts(value)
        if parts is None:
            text = self._as_text(value)
            return self._atom(value) if text is None else f"expr({text})"
        opening, items, closing = parts
        inside = ", ".join(prefix + self._flat(item) for prefix, item in items)
        if closing == ")" and opening == "(" and len(items) == 1:
            inside += ","
        return opening + inside + closing

    def _name(self, value: Any) -> str | None:
        try:
            return self.names.get(value) if attrs.has(type(value)) else None
        except TypeError:
            return None

    def _atom(self, value: Any) -> str:
        if isinstance(value, str):
            return _literal(value)
        return repr(value)

    def _parts(self, value: Any) -> tuple[str, list[tuple[str, Any]], str] | None:
        """Opening, items with what stands before each, closing; None for an atom or a named value."""
        if self._name(value) is not None or self._as_text(value) is not None:
            return None
        if isinstance(value, tuple):
            return "(", [("", item) for item in value], ")"
        if isinstance(value, Mapping):
            return "{", [(f"{self._atom(key)}: ", item) for key, item in value.items()], "}"
        if not attrs.has(type(value)):
            return None
        self.classes.add(type(value).__name__)
        fields = attrs.fields(type(value))
        by_name = False
        items: list[tuple[str, Any]] = []
        for index, field in enumerate(fields):
            item = getattr(value, field.name)
            if self._is_default(field, item) or self.omit(value, field.name):
                by_name = True
                continue
            by_name = by_name or (index > 0 and len(fields) > MOST_BY_POSITION)
            shown = dict(item) if field.metadata.get("mapping") else item
            items.append((f"{field.name}=" if by_name else "", shown))
        return f"{type(value).__name__}(", items, ")"

    def _is_default(self, field: Any, item: Any) -> bool:
        default = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory()
        return default is not attrs.NOTHING and type(item) is type(default) and bool(item == default)

    def _as_text(self, value: Any) -> str | None:
        """A compound expression as the literal that `expr` reads it from, where that text says the same."""
        if not isinstance(value, (Binary, Unary, Member, Func, Items)):
            return None
        text = expr_text(value)
        try:
            if expr(text) != value:
                return None
        except ValueError:
            return None
        self.functions.add("expr")
        return self._atom(text)
