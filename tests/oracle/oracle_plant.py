"""Random graphs in which patterns are likely to match, and nearly to match.

In: a `Random` and the `Spec`s of a file. Out: `random_graph`: patterns planted among other calls, then disturbed
(`oracle_disturb.py`), put in another order, and closed with outputs.
"""

from __future__ import annotations

from random import Random

from oracle_disturb import disturbed
from oracle_graph import LAST, SHAPES, Graph, Node, Ref, is_swept, is_valid
from oracle_ops import NUMBERS, OPS
from oracle_spec import Spec, Step

MOST = 15


class Garden:
    """A graph that grows."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.nodes: list[Node] = []
        self.home = random.choice("AAABBBE")

    def add(
        self, kind: str, shape: str, op: str = "", args: tuple[Ref, ...] = (), k: float | None = None
    ) -> Ref:
        name = f"n{len(self.nodes)}"
        self.nodes.append(Node(name, kind, shape, op, args, k, self.random.randrange(6)))
        return Ref(name)

    def shape(self, ref: Ref) -> str:
        return next(node.shape for node in self.nodes if node.name == ref.node)

    def refs(self, shape: str) -> list[Ref]:
        made = [node for node in self.nodes if node.shape == shape and node.kind != "poke"]
        return [Ref(node.name, index) for node in made for index in range(node.results)]

    def some(self, shape: str) -> Ref:
        """A value of this shape that is there, or a new input."""
        there = self.refs(shape)
        if there and self.random.random() < 0.75:
            return self.random.choice(there)
        return self.add("input", shape)

    def viewed(self, ref: Ref, shape: str) -> Ref:
        return ref if self.shape(ref) == shape else self.add("view", shape, args=(ref,))

    # patterns

    def plant(self, spec: Spec) -> None:
        names: dict[str, Ref] = {}
        numbers: dict[str, float] = {}
        before: Step | None = None
        for step in spec.steps:
            sibling = before is not None and (before.op, before.args) == (step.op, step.args)
            if before is not None and sibling and self.random.random() < 0.3:
                names.update(zip(step.results, [names[each] for each in before.results], strict=True))
                continue
            for _ in range(self._times(step)):
                self._grow(step, names, numbers)
            before = step

    def _times(self, step: Step) -> int:
        if not step.fan_out:
            return 1
        low = int(step.fan_out[0])
        return max(1, low + self.random.choice((0, 0, 0, 1, -1)))

    def _grow(self, step: Step, names: dict[str, Ref], numbers: dict[str, float]) -> None:
        shape = ""
        operands = []
        for arg, view in zip(step.args, step.views, strict=True):
            if arg in names:
                ref = names[arg]
                wanted = shape or self._seen(self.shape(ref), view)
            else:
                wanted = shape or self.home
                ref = names[arg] = self.some(wanted)
            shape = wanted
            operands.append(self.viewed(ref, shape))
        if OPS[step.op].commutative and self.random.random() < 0.4:
            operands.reverse()
        made = self.add("call", shape, step.op, tuple(operands), self._number(step, numbers))
        for index, name in enumerate(step.results):
            names[name] = Ref(made.node, index)

    def _seen(self, shape: str, view: int) -> str:
        if not view or (view == 1 and self.random.random() < 0.5):
            return shape
        if LAST[shape] != LAST[self.home] and self.random.random() < 0.7:
            return self.home
        near = [letter for letter in SHAPES if LAST[letter] == LAST[shape] and letter != shape]
        return self.random.choice(near if near and self.random.random() < 0.9 else list(SHAPES))

    def _number(self, step: Step, numbers: dict[str, float]) -> float | None:
        if not OPS[step.op].has_k:
            return None
        if not step.number.isidentifier():
            return float(step.number)
        allowed = (1.0, 2.0) if " in " in step.k else NUMBERS
        return numbers.setdefault(step.number, self.random.choice(allowed))

    def noise(self) -> None:
        op = self.random.choice(list(OPS))
        shape = self.random.choice((self.home, self.home, *SHAPES))
        operands = tuple(self.some(shape) for _ in OPS[op].tensors)
        self.add("call", shape, op, operands, self.random.choice(NUMBERS) if OPS[op].has_k else None)


def random_graph(random: Random, specs: tuple[Spec, ...]) -> Graph:
    while True:
        garden = Garden(random)
        for _ in range(random.choice((0, 0, 1, 2))):
            garden.noise()
        for _ in range(random.choice((0, 1, 1, 1, 1, 2, 2))):
            garden.plant(random.choice(specs))
        for _ in range(random.choice((0, 0, 1, 2)) if garden.nodes else 1):
            garden.noise()
        nodes = sorted(garden.nodes, key=lambda node: node.kind != "input")
        graph = Graph(tuple(nodes), (), random.random() < 0.5, random.random() < 0.25)
        for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
            graph = disturbed(random, graph)
        graph = _closed(random, _reordered(random, graph))
        if len(graph.nodes) <= MOST and is_valid(graph) and is_swept(graph):
            return graph


def _reordered(random: Random, graph: Graph) -> Graph:
    """Any order in which operands come first."""
    if random.random() < 0.4:
        return graph
    waiting, done, order = list(graph.nodes), set[str](), []
    while waiting:
        ready = [node for node in waiting if all(ref.node in done for ref in node.args)]
        inputs = [node for node in ready if node.kind == "input"]
        chosen = inputs[0] if inputs else random.choice(ready)
        waiting.remove(chosen)
        done.add(chosen.name)
        order.append(chosen)
    return Graph(tuple(order), graph.outputs, graph.v2, graph.symbolic)


def _closed(random: Random, graph: Graph) -> Graph:
    """Outputs: what nobody reads, and now and then something else."""
    read = {ref.node for node in graph.nodes for ref in node.args}
    outputs = list(graph.outputs)
    for node in graph.nodes:
        refs = [Ref(node.name, index) for index in range(node.results)]
        call = node.kind == "call"
        if node.name not in read and node.kind != "poke" and (call or random.random() < 0.4):
            outputs += [ref for ref in refs if random.random() < 0.8] or refs[:1]
        elif call and random.random() < 0.03:
            outputs.append(random.choice(refs))
    return Graph(
        graph.nodes, tuple(dict.fromkeys(outputs)) or (Ref(graph.nodes[0].name),), graph.v2, graph.symbolic
    )
