"""What explain says of one pattern at one place: values, rendered elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from patdsl.graph import Pattern
from patdsl.match.join import AnyStep

#: What stands in the way, in a word.
KINDS = {
    "op": "another op stands there",
    "form": "the op is called in a form that no binding has",
    "between": "something stands between two ops",
    "view": "a view stands between two ops",
    "attribute": "a parameter has another value",
    "value": "another value is read",
    "type": "a dtype or shape differs",
    "branch": "an op or a branch is missing",
    "count": "a value has another number of such consumers",
    "user": "a value is used elsewhere",
    "where": "a condition does not hold",
    "typed": "the right side does not fit",
    "order": "a write, an effect or the order is in the way",
    "taken": "another pattern takes the place",
    "off": "the pattern or the pass is off",
    "budget": "too many ways to bind",
}
#: Rules of `match.found.Refusal` as kinds.
OF_RULE = {
    "injective": "count",
    "profit": "user",
    "maximal": "taken",
    "sound": "order",
    "typed": "typed",
    "where": "where",
    "budget": "budget",
}


@attrs.frozen(eq=False)
class Spelling:
    """A call in the graph: the torch op, and its arguments as they are written there. Nodes are `Handle`s."""

    target: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    #: Whether a value that the pattern has here feeds the call, rather than the call that value.
    below: bool


@attrs.frozen(eq=False)
class Cause:
    """`message` says what is expected and what is there. `step` is the pattern's part that it is about, `nodes` the
    graph's. `param` is the parameter that it is about, if it is about one. `actual` is what the graph has: the
    parameter's value, a number of consumers, a target, or the `Spelling` of the op that stands in the way."""

    kind: str
    message: str
    step: AnyStep | None = None
    nodes: tuple[Any, ...] = ()
    param: str | None = None
    actual: Any = None


@attrs.frozen(eq=False)
class Verdict:
    """A pattern at a place. `at` is the node there, `matched` of the left side's `steps` ops hold; `cause` is None for
    a match, whose `nodes` go."""

    pass_name: str
    pattern: Pattern
    at: Any
    matched: int
    steps: int
    cause: Cause | None
    nodes: tuple[Any, ...] = ()

    @property
    def nearness(self) -> float:
        """From 0 to 1: how much of the left side holds."""
        return self.matched / self.steps if self.steps else 0.0


@attrs.frozen(eq=False)
class Absent:
    """A pattern none of whose places could be looked at, and why."""

    pass_name: str
    pattern: Pattern
    reason: str
