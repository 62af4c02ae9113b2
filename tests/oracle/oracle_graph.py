"""Small graphs as plain values: what the generators make, the oracle reads and `oracle_fx.py` turns into fx.

In: nothing. Out: `Graph`, its text, `is_valid` and `is_swept`. A node makes one or more results, a
`Ref` is one of them. Shapes are letters: `A` (S, 3, 8), `B` (3 S, 8), `C` (3 S, 2, 4), `D` (24 S), `E` (S, 3, 1,
8), where S is 2, or a symbol.
"""

from __future__ import annotations

import attrs
from oracle_ops import OPS

#: Shape letter -> its dims behind the leading one. All hold the same elements.
SHAPES = {"A": (3, 8), "B": (8,), "C": (2, 4), "D": (), "E": (3, 1, 8)}
#: Letters whose last dim is the same may be seen through `view?` of each other.
LAST = {"A": 8, "B": 8, "C": 4, "D": 0, "E": 8}


@attrs.frozen
class Ref:
    """One result of a node."""

    node: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.node}.{self.index}" if self.index else self.node


@attrs.frozen
class Node:
    """`kind` is `input`, `call` (of one of `OPS`), `view` (of another shape) or `poke`, which writes its operand's
    memory. `form` chooses among spellings that mean the same.
    """

    name: str
    kind: str
    shape: str
    op: str = ""
    args: tuple[Ref, ...] = ()
    k: float | None = None
    form: int = 0

    @property
    def results(self) -> int:
        return len(OPS[self.op].results) if self.kind == "call" else 1

    def __str__(self) -> str:
        number = [] if self.k is None else [f"k={self.k}"]
        operands = ", ".join([*map(str, self.args), *number])
        return f"{self.name}: {self.shape} = {self.op or self.kind}#{self.form}({operands})"


@attrs.frozen
class Graph:
    """Nodes in the order in which they run. `v2`: which functional form writing ops have."""

    nodes: tuple[Node, ...]
    outputs: tuple[Ref, ...]
    v2: bool = False
    symbolic: bool = False

    def __str__(self) -> str:
        flags = [name for name, held in (("v2", self.v2), ("symbolic", self.symbolic)) if held]
        return "\n".join([*map(str, self.nodes), f"return {', '.join(map(str, self.outputs))}", *flags])


def is_valid(graph: Graph) -> bool:
    """Every operand is there before, operands of a call have one shape, and no call writes one memory twice."""
    seen: dict[str, Node] = {}
    for node in graph.nodes:
        if node.name in seen or any(not _there(ref, seen) for ref in node.args):
            return False
        if node.kind != "view" and any(seen[ref.node].shape != node.shape for ref in node.args):
            return False
        if node.op == "join" and storage_of(node.args[0], seen) == storage_of(node.args[1], seen):
            return False
        seen[node.name] = node
    return bool(graph.outputs) and all(_there(ref, seen) for ref in graph.outputs)


def _there(ref: Ref, seen: dict[str, Node]) -> bool:
    source = seen.get(ref.node)
    return source is not None and source.kind != "poke" and ref.index < source.results


def storage_of(ref: Ref, nodes: dict[str, Node]) -> str:
    """The node whose memory a value lies in. Results of one call count as one memory."""
    node = nodes[ref.node]
    return storage_of(node.args[0], nodes) if node.kind == "view" else node.name


def is_swept(graph: Graph) -> bool:
    """Some result of every call is read: dead calls are swept before passes run, and the rules say nothing of them."""
    read = {ref.node for node in graph.nodes for ref in node.args} | {ref.node for ref in graph.outputs}
    return all(node.name in read for node in graph.nodes if node.kind == "call")
