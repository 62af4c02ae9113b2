"""attrs values as Python source that builds them again.

In: frozen attrs values, containers, constants. Out: formatted source: one line where it fits, else one item a line with
a trailing comma, as formatters leave it. Fields at their defaults are left out. Nothing is evaluated or trusted: strings are
written as literals, everything else by its class's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

WIDTH = 110


class PythonWriter:
    """Writes values; `names` maps values that have a name in the module to that name. Collects the classes used."""

    def __init__(self, names: Mapping[Any, str] | None = None) -> None:
        self.names = dict(names or {})
        self.classes: set[str] = set()

    def write(self, value: Any, indent: int = 0, used: int = 0) -> str:
        """Source of `value`, on lines indented by `indent`; `used` columns of the first line are taken already."""
        flat = self._flat(value)
        if indent + used + len(flat) <= WIDTH or not self._parts(value):
            return flat
        opening, parts, closing = self._parts(value) or ("", [], "")
        inner = " " * (indent + 4)
        lines = []
        for prefix, item in parts:
            text = self.write(item, indent + 4, len(prefix) + 1)
            lines.append(f"{inner}{prefix}{text},")
        return opening + "\n" + "\n".join(lines) + "\n" + " " * indent + closing

    def _flat(self, value: Any) -> str:
        name = self._name(value)
        if name is not None:
            return name
        parts = self._parts(value)
        if parts is None:
            return self._atom(value)
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
            return json.dumps(value) if value.isascii() else ascii(value)
        return repr(value)

    def _parts(self, value: Any) -> tuple[str, list[tuple[str, Any]], str] | None:
        """Opening, items with what stands before each, closing; None for an atom or a named value."""
        if self._name(value) is not None:
            return None
        if isinstance(value, tuple):
            return "(", [("", item) for item in value], ")"
        if isinstance(value, Mapping):
            return "{", [(f"{self._atom(key)}: ", item) for key, item in value.items()], "}"
        if not attrs.has(type(value)):
            return None
        self.classes.add(type(value).__name__)
        items: list[tuple[str, Any]] = []
        by_name = False
        for field in attrs.fields(type(value)):
            item = getattr(value, field.name)
            default = field.default
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
                default = default.factory()
            if default is not attrs.NOTHING and type(item) is type(default) and item == default:
                by_name = True
                continue
            items.append((f"{field.name}=" if by_name else "", item))
        return f"{type(value).__name__}(", items, ")"
