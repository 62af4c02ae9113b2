"""What the nodes of a graph compute, by the plainest definitions.

In: a `Graph`. Out: `World`: for every `Ref` its `Value`, its memory, what writes memory and has effects where.
Views are folded: a value is a root and a shape, so that a chain of views that comes back to a root's shape is that
root. Equal calls of free ops on equal, unchanged operands are one value.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs
from oracle_graph import LAST, Graph, Node, Ref, storage_of
from oracle_ops import OPS


@attrs.frozen
class Value:
    """The elements of `root`, in order, with this shape."""

    root: Any
    shape: str


class World:
    """One graph, asked about. `reached` are the ops that the pass has: an op is free where its declaration is one."""

    def __init__(self, graph: Graph, reached: Collection[str]) -> None:
        self.graph = graph
        self.free = frozenset(name for name in reached if name in OPS and OPS[name].free)
        self.nodes = {node.name: node for node in graph.nodes}
        self.at = {node.name: at for at, node in enumerate(graph.nodes)}
        self.pokes = [node for node in graph.nodes if node.kind == "poke"]
        self.poked = {self.storage(node.args[0]) for node in self.pokes}
        self._values: dict[Ref, Value] = {}

    def storage(self, ref: Ref) -> str:
        return storage_of(ref, self.nodes)

    def value(self, ref: Ref) -> Value:
        if ref not in self._values:
            self._values[ref] = self._value(ref)
        return self._values[ref]

    def _value(self, ref: Ref) -> Value:
        node = self.nodes[ref.node]
        if node.kind == "view":
            return Value(self.value(node.args[0]).root, node.shape)
        if node.op in self.free and node.name not in self.poked:
            operand = node.args[0]
            key = ("free", node.op, node.k, self.value(operand), self._writes_before(operand, node))
            return Value(key, node.shape)
        return Value((ref.node, ref.index), node.shape)

    def _writes_before(self, ref: Ref, node: Node) -> int:
        """Two reads of one memory see the same where it was written equally often before."""
        memory = self.storage(ref)
        return sum(
            self.storage(p.args[0]) == memory and self.at[p.name] < self.at[node.name] for p in self.pokes
        )

    def refs(self) -> list[Ref]:
        """Every result of every node, in order."""
        made = [node for node in self.graph.nodes if node.kind != "poke"]
        return [Ref(node.name, index) for node in made for index in range(node.results)]

    def holders(self, value: Value) -> list[Ref]:
        """Everything in the graph that holds the value, in order."""
        return [ref for ref in self.refs() if self.value(ref) == value]

    def is_costly(self, name: str) -> bool:
        node = self.nodes[name]
        return node.kind == "call" and node.op not in self.free

    def written_between(self, memory: set[str], start: int, end: int) -> bool:
        """Whether one of these memories is written by a node at a position in `start <= position < end`."""
        return any(
            start <= self.at[poke.name] < end and self.storage(poke.args[0]) in memory for poke in self.pokes
        )


def seen_through(source: Value, actual: Value, at_least: int) -> bool:
    """`actual` is `source` behind at least so many layout ops that keep the last dim."""
    if source.root != actual.root:
        return False
    if source.shape == actual.shape:
        return at_least == 0
    return LAST[source.shape] == LAST[actual.shape]
