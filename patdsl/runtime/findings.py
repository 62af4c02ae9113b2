"""What the engine found in a graph, for as long as the graph stays as it was.

In: a graph and a pass. Out: `Findings`: matches by node, and a writer for them. Looks anew when somebody else has
changed the graph; after its own rewrites the other matches stay good, so that the cost stays one look a round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from patdsl.match.engine import find
from patdsl.match.found import Match
from patdsl.match.fx_view import FxView
from patdsl.match.index import PatternIndex
from patdsl.runtime import torch_api
from patdsl.runtime.rewriter import NotWritten, Rewriter, Written
from patdsl.runtime.torch_api import Graph, Node

if TYPE_CHECKING:
    from patdsl.runtime.passes import FusionPass

#: Attribute of a graph that keeps its findings, by pass, for as long as the graph lives.
_KEPT = "_patdsl_findings"


def findings_of(graph: Graph, patterns: FusionPass) -> Findings:
    """The findings of a pass in a graph."""
    kept: dict[int, Findings] = graph.__dict__.setdefault(_KEPT, {})
    if id(patterns) not in kept:
        kept[id(patterns)] = Findings(graph, patterns)
    return kept[id(patterns)]


class Look:
    """One look at a graph: the matches, in the order in which they may be written, and their writer."""

    def __init__(self, graph: Graph, patterns: FusionPass, index: PatternIndex) -> None:
        self.found = find(FxView(graph), index, index.context)
        self._rewriter = Rewriter(graph, index.context)
        self._patterns = patterns
        patterns.note_refusals(self.found)

    @property
    def matches(self) -> tuple[Match[Node], ...]:
        return tuple(self.found.matches)

    @property
    def gave_up(self) -> bool:
        """Whether a search ran out of its budget: another look would take as long again."""
        return any(refusal.rule == "budget" for refusal in self.found.refusals)

    def write_all(self) -> list[Written | NotWritten]:
        """Write every match, then erase what they left dead."""
        outcomes = [self._write(match) for match in self.matches]
        self._rewriter.finish()
        return outcomes

    def write(self, match: Match[Node]) -> Written | NotWritten:
        """Write one match, for a driver that goes on with the graph in between."""
        outcome = self._write(match)
        self._rewriter.finish()
        return outcome

    def _write(self, match: Match[Node]) -> Written | NotWritten:
        outcome = self._rewriter.write(match)
        self._patterns.note(match, outcome)
        return outcome


class Findings:
    """The current look at a graph, for a driver that visits nodes."""

    def __init__(self, graph: Graph, patterns: FusionPass) -> None:
        self._graph = graph
        self._patterns = patterns
        self._look: Look | None = None
        self._state: Any = None
        self._by_node: dict[Node, list[Match[Node]]] = {}
        self._written: set[int] = set()
        patterns.begin()

    def at(self, node: Node, name: str) -> Match[Node] | None:
        """The match of pattern `name` that `node` takes part in."""
        self._refresh()
        for match in self._by_node.get(node, ()):
            if match.pattern.full_name == name and id(match) not in self._written:
                return match
        return None

    def write(self, match: Match[Node]) -> bool:
        """Write a match; whether it was."""
        self._refresh()
        if self._look is None:
            return False
        outcome = self._look.write(match)
        self._written.add(id(match))
        self._state = torch_api.state_of(self._graph)
        return outcome.written

    def is_written(self, match: Match[Node]) -> bool:
        return id(match) in self._written

    def _refresh(self) -> None:
        state = torch_api.state_of(self._graph)
        if state == self._state:
            return
        self._state = state
        self._look = Look(self._graph, self._patterns, self._patterns.index())
        self._written.clear()
        self._by_node = {}
        for match in self._look.matches:
            producers = [replaced.old.producer for replaced in match.replaced]
            nodes = [*producers, *match.dying, *(node for site in match.sites for node in site.nodes)]
            for node in dict.fromkeys(nodes):
                self._by_node.setdefault(node, []).append(match)
