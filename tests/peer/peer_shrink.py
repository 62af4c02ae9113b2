"""Cuts a graph down on which the two differ.

In: a case with differences. Out: `shrunk`, the graph without every node, output and spelling that the difference does
not need; `reproduction`, all of it as text.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
from oracle_graph import Ref
from peer_compare import Both, check
from peer_ops import PRELUDE
from peer_spec import Graph, text_of, types_of


def shrunk(both: Both, graph: Graph) -> Graph:
    while True:
        smaller = next((each for each in _smaller(graph) if check(both, each).differences), None)
        if smaller is None:
            return graph
        graph = smaller


def _smaller(graph: Graph) -> Iterator[Graph]:
    for at, node in enumerate(graph.nodes):
        rest = (*graph.nodes[:at], *graph.nodes[at + 1 :])
        kept = tuple(ref for ref in graph.outputs if ref.node != node.name)
        yield from _valid(attrs.evolve(graph, nodes=rest, outputs=kept))
        moved = tuple(
            attrs.evolve(e, args=tuple(_moved(r, node.name, node.args[0]) for r in e.args)) for e in rest
        )
        outputs = dict.fromkeys(_moved(ref, node.name, node.args[0]) for ref in graph.outputs)
        yield from _valid(attrs.evolve(graph, nodes=moved, outputs=tuple(outputs)))
        if node.form:
            plain = attrs.evolve(node, form=0)
            yield from _valid(attrs.evolve(graph, nodes=(*graph.nodes[:at], plain, *graph.nodes[at + 1 :])))
    for ref in graph.outputs:
        yield from _valid(attrs.evolve(graph, outputs=tuple(each for each in graph.outputs if each != ref)))


def _moved(ref: Ref, name: str, source: Ref) -> Ref:
    return source if ref.node == name else ref


def _valid(graph: Graph) -> Iterator[Graph]:
    """The graph without inputs that nobody reads, if every call of it is read."""
    read = {ref.node for node in graph.nodes for ref in node.args} | {ref.node for ref in graph.outputs}
    if all(node.name in read for node in graph.nodes) and types_of(graph) is not None:
        yield attrs.evolve(graph, inputs=tuple(each for each in graph.inputs if each[0] in read))


def reproduction(both: Both, graph: Graph) -> str:
    told = check(both, graph).differences
    return "\n".join(
        [*told, "", text_of(both.spec).removeprefix(PRELUDE), both.spec.program(), "", str(graph), ""]
    )
