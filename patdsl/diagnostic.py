"""Errors as values.

In: a code of `codes.py`, a span, a message. Out: `Diagnostic` values, collected while a stage runs and
rendered once by the command line. Nothing here prints or raises, except `PatError`, with which a library
call (`patdsl.load`) hands a list of diagnostics to its caller.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from patdsl.source import Span


@attrs.frozen
class Note:
    """A remark, at another place where there is one."""

    message: str
    span: Span | None = None


@attrs.frozen
class Diagnostic:
    """One finding. `code` is a key of `codes.CODES`; `help` says how to mend it."""

    code: str
    message: str
    span: Span | None = None
    notes: tuple[Note, ...] = ()
    help: str | None = None
    severity: str = "error"


@attrs.define
class Diagnostics:
    """Collects the findings of a run, each once, in the order found.

    `failures` counts the errors met, those included that were there already and those that `follow` left out.
    """

    _found: dict[Diagnostic, None] = attrs.Factory(dict)
    failures: int = 0

    def add(
        self,
        code: str,
        span: Span | None,
        message: str,
        *,
        notes: Iterable[Note] = (),
        help: str | None = None,
        severity: str = "error",
    ) -> None:
        self.failures += severity == "error"
        self._found.setdefault(Diagnostic(code, message, span, tuple(notes), help, severity))

    def follow(self) -> None:
        """Note an error that only follows from one reported elsewhere, and is not worth a second report."""
        self.failures += 1

    @property
    def items(self) -> list[Diagnostic]:
        return list(self._found)

    @property
    def errors(self) -> list[Diagnostic]:
        return [item for item in self.items if item.severity == "error"]


class PatError(Exception):
    """A `.pat` file could not be compiled. `diagnostics` holds every finding."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(_summary(item) for item in self.diagnostics))


def _summary(item: Diagnostic) -> str:
    place = f"{item.span.place}: " if item.span else ""
    mend = f" ({item.help})" if item.help else ""
    return f"{place}{item.severity}[{item.code}]: {item.message}{mend}"
