"""What a pass is and did, as values.

In: standings, counts, refusals. Out: `PassReport` and `Report`, which print as text and convert to plain data. Decides
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from patdsl.runtime.resolve import Choice, Standing


@attrs.frozen
class Refused:
    """A place where a pattern nearly held, or held and could not be written. `at` is a node's name.

    `rule` is one of `match.found.Refusal`'s, or `written` where the graph could not take the right side.
    """

    pattern: str
    at: str
    rule: str
    reason: str

    def __str__(self) -> str:
        return f"{self.pattern} at {self.at}: {self.rule}: {self.reason}"


@attrs.frozen
class PatternReport:
    """One pattern. `last` counts the most recent graph, `total` all of them. `called` counts the torch ops it wrote.
    `missing`: what it needs that the most recent graph did not have.
    """

    name: str
    place: str
    reasons: tuple[str, ...]
    choices: Mapping[str, tuple[Choice, ...]]
    last: int
    total: int
    called: Mapping[str, int]
    missing: str | None

    @property
    def enabled(self) -> bool:
        return not self.reasons

    def lines(self) -> list[str]:
        state = f"replaced {self.total} ({self.last} in the last graph)" if self.enabled else "off"
        found = [f"{self.name}: {state}"]
        found += [f"  {reason}" for reason in self.reasons]
        found += [f"  the last graph has {self.missing}"] if self.enabled and self.missing else []
        for op, choices in self.choices.items():
            found += [f"  {line}" for line in _choice_lines(op, choices)] if self.enabled else []
        return found


@attrs.frozen
class PassReport:
    """One pass. `reasons` is why the whole pass is off; `cached` whether compiled graphs may be cached."""

    name: str
    target: str
    reasons: tuple[str, ...]
    patterns: tuple[PatternReport, ...]
    refusals: tuple[Refused, ...]
    cached: bool

    @property
    def enabled(self) -> bool:
        return not self.reasons

    def __str__(self) -> str:
        lines = [f"pass {self.name} on {self.target}: {'on' if self.enabled else 'off'}"]
        lines += [f"  {reason}" for reason in self.reasons]
        for pattern in self.patterns:
            lines += [f"  {line}" for line in pattern.lines()]
        lines += [f"  refused: {refusal}" for refusal in self.refusals]
        if not self.cached:
            lines.append("  compiled graphs are not cached: a host function has no 'uuid'")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            **attrs.asdict(self),
            "enabled": self.enabled,
            "patterns": [{**attrs.asdict(each), "enabled": each.enabled} for each in self.patterns],
        }


@attrs.frozen
class Report:
    """Several passes in the order in which they run."""

    passes: tuple[PassReport, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.passes))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"passes": [each.to_dict() for each in self.passes]}


def pattern_report(
    standing: Standing, last: int, total: int, called: Mapping[str, int], missing: str | None
) -> PatternReport:
    """The report of one pattern."""
    pattern = standing.pattern
    return PatternReport(
        pattern.full_name,
        pattern.place,
        standing.reasons,
        standing.choices,
        last,
        total,
        dict(called),
        missing,
    )


def _choice_lines(op: str, choices: tuple[Choice, ...]) -> list[str]:
    """The binding that is called, those that are tried before it, and those that are skipped."""
    lines = []
    settled = False
    for choice in choices:
        if choice.skipped is not None:
            lines.append(f"{op}: skips {choice.binding}, {choice.skipped}")
        elif not settled:
            runs = f" ({choice.runs})" if choice.runs else ""
            where = " where its guard holds" if choice.guarded else ""
            lines.append(f"{op}: calls {choice.binding}{runs}{where}")
            settled = not choice.guarded
    return lines
