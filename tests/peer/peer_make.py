"""Random patterns, and random graphs in which they hold, or nearly.

In: a `Random`. Out: `random_spec`; `random_graph`: the pattern planted among other calls, disturbed, spelled in one
way or another, in any order that puts operands first.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import attrs
import torch
from oracle_graph import Ref
from peer_ops import NUMBERS, OPS
from peer_spec import Graph, Node, Spec, Step, results_of, types_of
from torch import Tensor

SHAPES = ((4, 8), (4, 8), (4, 8), (2, 16), (2, 2, 8))
MOST = 14


def random_spec(random: Random) -> Spec:
    while True:
        spec = _spec(random)
        if any(not OPS[step.op].is_free for step in spec.steps) and not _moved(spec) & set(spec.replaced):
            return spec


def _moved(spec: Spec) -> set[str]:
    """Values that are an input under another shape, or a part of one: there is nothing to make anew."""
    found = set(spec.inputs)
    for step in spec.steps:
        if OPS[step.op].is_free and step.args[0] in found:
            found.update(step.results)
    return found


def _spec(random: Random) -> Spec:
    shapes = {name: random.choice(SHAPES) for name in "xyz"}
    values = {name: torch.empty(dims, device="meta") for name, dims in shapes.items()}
    steps: list[Step] = []
    wanted = random.choice((1, 2, 2, 3, 3, 4))
    for _ in range(100):
        if len(steps) == wanted:
            break
        step = _sibling(random, steps) if steps and random.random() < 0.15 else _step(random, steps, values)
        number = [2.0] if step.k else []
        made = results_of(step.op, *(values[arg] for arg in step.args), *number)
        if made is not None and not _is_idle(step, steps, values):
            values.update(zip(step.results, made, strict=True))
            steps.append(step)
    used = {arg for step in steps for arg in step.args}
    replaced: list[str] = []
    for step in steps:
        if not used & set(step.results):
            replaced += [each for each in step.results if random.random() < 0.7] or [step.results[0]]
        else:
            replaced += [each for each in step.results if random.random() < 0.12]
    spec = Spec(tuple(steps), tuple(replaced), ())
    return attrs.evolve(spec, shapes=tuple((name, shapes[name]) for name in spec.inputs))


def _is_idle(step: Step, steps: list[Step], values: dict[str, Tensor]) -> bool:
    """A view that changes nothing, alone or with views before it, or a free call for the second time, which is the same
    value to patdsl.
    """
    op = OPS[step.op]
    if op.is_free and any((each.op, each.args) == (step.op, step.args) for each in steps):
        return True
    makers = {name: each for each in steps for name in each.results}
    source = step.args[0]
    while op.is_view and tuple(values[source].shape) != op.dims:
        if source not in makers or not OPS[makers[source].op].is_view:
            return False
        source = makers[source].args[0]
    return op.is_view


def _step(random: Random, steps: list[Step], values: dict[str, Tensor]) -> Step:
    op = OPS[random.choice((*OPS, "add", "add"))]
    made = [name for step in steps for name in step.results]
    used = {arg for step in steps for arg in step.args}
    unused = [name for name in made if name not in used] or made
    args = []
    for position in range(op.tensors):
        if made and (position == 0 or random.random() < 0.4):
            args.append(random.choice(unused if random.random() < 0.8 else made))
        else:
            args.append(random.choice("xxyz"))
    return Step(op.name, tuple(args), _results(op.name, len(steps)), _number(random, op.has_k, len(steps)))


def _results(op: str, at: int) -> tuple[str, ...]:
    return tuple(f"v{at}{'abc'[index]}" for index in range(OPS[op].results))


def _number(random: Random, has_k: bool, at: int) -> str:
    return random.choice((f"k{at}", "k", "k", str(random.choice(NUMBERS)))) if has_k else ""


def _sibling(random: Random, steps: list[Step]) -> Step:
    """A call like one that is there, which must be another node."""
    step = random.choice(steps)
    return attrs.evolve(step, results=_results(step.op, len(steps)))


class _Garden:
    """A graph that grows."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.inputs: list[tuple[str, tuple[int, ...]]] = []
        self.nodes: list[Node] = []
        self.values: dict[Ref, Tensor] = {}

    def input(self, dims: tuple[int, ...]) -> Ref:
        ref = Ref(f"i{len(self.inputs)}")
        self.inputs.append((ref.node, dims))
        self.values[ref] = torch.empty(dims, device="meta")
        return ref

    def some(self, dims: tuple[int, ...]) -> Ref:
        """A value of these dims that is there, or a new input."""
        there = [ref for ref, value in self.values.items() if tuple(value.shape) == dims]
        return self.random.choice(there) if there and self.random.random() < 0.7 else self.input(dims)

    def call(self, op: str, args: tuple[Ref, ...], k: float | None) -> Node | None:
        node = Node(f"n{len(self.nodes)}", op, args, k)
        made = results_of(op, *(self.values[e] if isinstance(e, Ref) else e for e in node.operands))
        if made is None:
            return None
        self.nodes.append(node)
        self.values.update({Ref(node.name, index): value for index, value in enumerate(made)})
        return node

    def plant(self, spec: Spec) -> None:
        names: dict[str, Ref] = {}
        numbers: dict[str, float] = {}
        shapes = dict(spec.shapes)
        for step in spec.steps:
            for arg in step.args:
                if arg not in names:
                    names[arg] = self.some(shapes[arg])
            args = [names[arg] for arg in step.args]
            if OPS[step.op].commutative and self.random.random() < 0.4:
                args.reverse()
            k = None
            if step.k:
                wanted = self.random.choice(NUMBERS)
                k = numbers.setdefault(step.k, wanted) if step.k.isidentifier() else float(step.k)
            node = self.call(step.op, tuple(args), k)
            if node is None:
                return
            names.update({name: Ref(node.name, index) for index, name in enumerate(step.results)})

    def noise(self) -> None:
        op = OPS[self.random.choice(list(OPS))]
        args = tuple(self.some(self.random.choice(SHAPES)) for _ in range(op.tensors))
        self.call(op.name, args, self.random.choice(NUMBERS) if op.has_k else None)


def random_graph(random: Random, spec: Spec) -> Graph:
    while True:
        garden = _Garden(random)
        for _ in range(random.choice((0, 0, 1, 2))):
            garden.noise()
        for _ in range(random.choice((1, 1, 1, 2))):
            garden.plant(spec)
        for _ in range(random.choice((0, 0, 1, 2))):
            garden.noise()
        graph = Graph(tuple(garden.inputs), tuple(garden.nodes), ())
        for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
            graph = _disturbed(random, graph)
        if random.random() < 0.4:
            forms = tuple(attrs.evolve(node, form=random.randrange(6)) for node in graph.nodes)
            graph = attrs.evolve(graph, nodes=forms)
        graph = _closed(random, _reordered(random, graph))
        if len(graph.nodes) <= MOST and types_of(graph) is not None:
            return graph


def _reordered(random: Random, graph: Graph) -> Graph:
    if random.random() < 0.5:
        return graph
    waiting, done, order = list(graph.nodes), {name for name, _ in graph.inputs}, []
    while waiting:
        ready = [node for node in waiting if all(ref.node in done for ref in node.args)]
        if not ready:
            return graph
        chosen = random.choice(ready)
        waiting.remove(chosen)
        done.add(chosen.name)
        order.append(chosen)
    return attrs.evolve(graph, nodes=tuple(order))


def _closed(random: Random, graph: Graph) -> Graph:
    """Outputs: what nobody reads, and now and then something else."""
    read = {ref.node for node in graph.nodes for ref in node.args} | {ref.node for ref in graph.outputs}
    outputs = list(graph.outputs)
    for node in graph.nodes:
        refs = [Ref(node.name, index) for index in range(OPS[node.op].results)]
        if node.name not in read:
            outputs += [ref for ref in refs if random.random() < 0.8] or refs[:1]
        elif random.random() < 0.04:
            outputs.append(random.choice(refs))
    return attrs.evolve(graph, outputs=tuple(dict.fromkeys(outputs)))


# Small changes: what turns a match into a near miss. Some make graphs that are not valid, which are thrown away.


def _disturbed(random: Random, graph: Graph) -> Graph:
    return random.choice(CHANGES)(random, graph, random.randrange(len(graph.nodes))) if graph.nodes else graph


def _with(graph: Graph, at: int, *nodes: Node) -> Graph:
    return attrs.evolve(graph, nodes=(*graph.nodes[:at], *nodes, *graph.nodes[at + 1 :]))


def _ref(random: Random, node: Node) -> Ref:
    return Ref(node.name, random.randrange(OPS[node.op].results))


def _extra_user(random: Random, graph: Graph, at: int) -> Graph:
    op = OPS[random.choice(("neg", "tanh", graph.nodes[at].op))]
    operands = tuple(_ref(random, graph.nodes[at]) for _ in range(op.tensors))
    user = Node(f"u{at}", op.name, operands, random.choice(NUMBERS) if op.has_k else None)
    return attrs.evolve(graph, nodes=(*graph.nodes, user))


def _escape(random: Random, graph: Graph, at: int) -> Graph:
    return attrs.evolve(graph, outputs=(*graph.outputs, _ref(random, graph.nodes[at])))


def _swap(random: Random, graph: Graph, at: int) -> Graph:
    return _with(graph, at, attrs.evolve(graph.nodes[at], args=graph.nodes[at].args[::-1]))


def _other_number(random: Random, graph: Graph, at: int) -> Graph:
    node = graph.nodes[at]
    return graph if node.k is None else _with(graph, at, attrs.evolve(node, k=random.choice(NUMBERS)))


def _other_op(random: Random, graph: Graph, at: int) -> Graph:
    node = graph.nodes[at]
    old = OPS[node.op]
    alike = [
        o for o in OPS.values() if (o.tensors, o.results, o.has_k) == (old.tensors, old.results, old.has_k)
    ]
    return _with(graph, at, attrs.evolve(node, op=random.choice(alike).name))


def _other_operand(random: Random, graph: Graph, at: int) -> Graph:
    node = graph.nodes[at]
    before = [Ref(name) for name, _ in graph.inputs] + [_ref(random, each) for each in graph.nodes[:at]]
    args = list(node.args)
    args[random.randrange(len(args))] = random.choice(before)
    return _with(graph, at, attrs.evolve(node, args=tuple(args)))


def _views(random: Random, graph: Graph, at: int) -> Graph:
    """An operand is viewed, and most often viewed back."""
    node = graph.nodes[at]
    which = random.randrange(len(node.args))
    views = [op.name for op in OPS.values() if op.is_view]
    there = Node(f"w{at}", random.choice(views), (node.args[which],))
    back = Node(f"w{at}b", random.choice(views), (Ref(there.name),))
    chain = (there, back) if random.random() < 0.8 else (there,)
    args = (*node.args[:which], Ref(chain[-1].name), *node.args[which + 1 :])
    return _with(graph, at, *chain, attrs.evolve(node, args=args))


def _twin(random: Random, graph: Graph, at: int) -> Graph:
    """The call is made twice, and some readers take the second."""
    node = graph.nodes[at]
    twin = attrs.evolve(node, name=f"t{at}")

    def moved(ref: Ref) -> Ref:
        return Ref(twin.name, ref.index) if ref.node == node.name and random.random() < 0.5 else ref

    later = tuple(attrs.evolve(each, args=tuple(map(moved, each.args))) for each in graph.nodes[at + 1 :])
    return attrs.evolve(graph, nodes=(*graph.nodes[: at + 1], twin, *later))


Change = Callable[[Random, Graph, int], Graph]
CHANGES: tuple[Change, ...] = (
    _extra_user,
    _escape,
    _swap,
    _other_number,
    _other_op,
    _other_operand,
    _other_operand,
    _views,
    _twin,
)
