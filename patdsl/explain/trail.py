"""How far the matcher's search got from each place where it began.

In: the calls of `join.Trail` while `blocks.places` runs. Out: a `Start` for each place: what was found there, or the
ends where the search got no further.
"""

from __future__ import annotations

from typing import Any

import attrs

from patdsl.explain.cause import Cause
from patdsl.match.blocks import Placed
from patdsl.match.found import Site
from patdsl.match.join import AnyStep, Join, Solution
from patdsl.op_table import Step

#: Dead ends kept of one place, and of those only the furthest.
MOST_ENDS = 16


@attrs.frozen(eq=False)
class DeadEnd:
    """Nothing matched `step` beside what `at` holds; `rest` are the steps that were not tried."""

    join: Join
    step: AnyStep
    rest: tuple[AnyStep, ...]
    at: Solution


@attrs.define(eq=False)
class Start:
    """A place where a search began: `step` at `site`. `told` are the rules and reasons that the search itself gave."""

    step: Step
    site: Site[Any]
    placed: list[Placed] = attrs.Factory(list)
    ends: list[DeadEnd] = attrs.Factory(list)
    unsettled: list[tuple[Solution, str]] = attrs.Factory(list)
    told: dict[tuple[Any, str, str], None] = attrs.Factory(dict)
    #: Why nothing was found and how many steps hold, once somebody asked: patterns of one left side ask the same.
    stopped: tuple[Cause, int] | None = None

    def end(self, end: DeadEnd) -> None:
        """Keep an end if none got further."""
        reached = len(end.at.sites)
        best = len(self.ends[0].at.sites) if self.ends else -1
        if reached > best:
            self.ends = [end]
        elif reached == best and len(self.ends) < MOST_ENDS:
            self.ends.append(end)


@attrs.define(eq=False)
class Starts:
    """The `Trail` of one search, and what it told."""

    found: list[Start] = attrs.Factory(list)

    def begin(self, step: Step, site: Site[Any]) -> None:
        self.found.append(Start(step, site))

    def dead_end(self, join: Join, step: AnyStep, rest: tuple[AnyStep, ...], at: Solution) -> None:
        if self.found:
            self.found[-1].end(DeadEnd(join, step, rest, at))

    def unsettled(self, at: Solution, reason: str) -> None:
        if self.found:
            self.found[-1].unsettled.append((at, reason))

    def tell(self, node: Any, rule: str, reason: str) -> None:
        """The search's own refusals: fan-outs of another count, budgets."""
        if self.found:
            self.found[-1].told.setdefault((node, rule, reason))
