"""A match as torch's pattern matcher hands it to its hooks.

In: a matcher, a `Match` of the engine and the node that it was found at. Out: torch's own kind of match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from patdsl.match.found import Match, Value
from patdsl.runtime import torch_api
from patdsl.runtime.findings import findings_of
from patdsl.runtime.torch_api import Node

if TYPE_CHECKING:
    from patdsl.runtime.matcher import Matcher


class TorchMatch(torch_api.TorchMatch):  # type: ignore[misc]
    """A match in torch's terms. Before it is written, its output is the node that it was found at."""

    def __init__(self, matcher: Matcher, match: Match[Node], node: Node) -> None:
        context = torch_api.MatchContext([matcher], {matcher: node}, graph=node.graph)
        super().__init__(context, matcher, kwargs=_inputs(match))
        self.found = match
        self.anchor = node
        self.nodes = list(match.dying) or [node]

    def output_nodes(self) -> list[Node | None]:
        matcher: Matcher = self.pattern
        written = findings_of(self.anchor.graph, matcher.patterns).is_written(self.found)
        return [None if written else self.anchor]


def _inputs(match: Match[Node]) -> dict[str, Any]:
    """The pattern's inputs by name. torch only counts and names them."""
    found = {}
    for each in match.pattern.inputs:
        value = match.names.get(each.name)
        if isinstance(value, Value):
            found[each.name] = value.holders[0] if value.holders else value.producer
        else:
            found[each.name] = None if isinstance(value, tuple) else value
    return found
