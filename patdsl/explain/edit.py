"""A changed text of a `.pat` file, before anybody has tried it."""

from __future__ import annotations

from typing import Any

import attrs

from patdsl.dtypes import Dtype
from patdsl.source import Source, Span


@attrs.frozen(eq=False)
class Edit:
    """`what` it does, in words; `look` says what only a person can decide, empty where the compiler's proof covers all
    of it."""

    source: Source
    text: str
    what: str
    look: str = ""


def replaced(span: Span, text: str) -> str:
    """The whole file with another text at a place."""
    whole = span.source.text
    return f"{whole[: span.start]}{text}{whole[span.end :]}"


def inserted(source: Source, at: int, text: str) -> str:
    """The whole file with a text more."""
    return replaced(Span(source, at, at), text)


def literal(value: Any) -> str | None:
    """A value of a graph as a `.pat` file writes it; None where it cannot."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value) if abs(value) < float("inf") else None
    if isinstance(value, Dtype):
        return value.name
    return f'"{value}"' if isinstance(value, str) and value.isidentifier() else None
