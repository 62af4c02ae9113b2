"""One small change to a graph: what turns a match into a near miss, or into another match.

In: a `Random` and a `Graph` whose operands come first. Out: a graph with one change, perhaps not a valid one.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import attrs
from oracle_graph import SHAPES, Graph, Node, Ref
from oracle_ops import NUMBERS, OPS


def disturbed(random: Random, graph: Graph) -> Graph:
    calls = [at for at, node in enumerate(graph.nodes) if node.kind == "call"]
    if not calls:
        return graph
    return random.choice(CHANGES)(random, graph, random.choice(calls))


def _replaced(graph: Graph, at: int, *nodes: Node) -> Graph:
    return attrs.evolve(graph, nodes=(*graph.nodes[:at], *nodes, *graph.nodes[at + 1 :]))


def _name(graph: Graph) -> str:
    taken = {node.name for node in graph.nodes}
    return next(f"m{at}" for at in range(99) if f"m{at}" not in taken)


def _ref(random: Random, node: Node) -> Ref:
    return Ref(node.name, random.randrange(node.results))


def _extra_user(random: Random, graph: Graph, at: int) -> Graph:
    node = graph.nodes[at]
    op = random.choice(("dbl", "inc", "scale", node.op))
    user = Node(_name(graph), "call", node.shape, op, (), random.choice(NUMBERS) if OPS[op].has_k else None)
    user = attrs.evolve(user, args=tuple(_ref(random, node) for _ in OPS[op].tensors))
    return attrs.evolve(graph, nodes=(*graph.nodes, user))


def _escape(random: Random, graph: Graph, at: int) -> Graph:
    return attrs.evolve(graph, outputs=(*graph.outputs, _ref(random, graph.nodes[at])))


def _swap(random: Random, graph: Graph, at: int) -> Graph:
    return _replaced(graph, at, attrs.evolve(graph.nodes[at], args=graph.nodes[at].args[::-1]))


def _number(random: Random, graph: Graph, at: int) -> Graph:
    node = graph.nodes[at]
    return graph if node.k is None else _replaced(graph, at, attrs.evolve(node, k=random.choice(NUMBERS)))


def _other_op(random: Random, graph: Graph, at: int) -> Graph:
    node = graph.nodes[at]
    old = OPS[node.op]
    alike = [
        o for o in OPS.values() if (len(o.tensors), len(o.results)) == (len(old.tensors), len(old.results))
    ]
    new = random.choice(alike)
    number = (node.k or 1.0) if new.has_k else None
    return _replaced(graph, at, attrs.evolve(node, op=new.name, k=number))


def _other_operand(random: Random, graph: Graph, at: int) -> Graph:
    node = graph.nodes[at]
    before = [each for each in graph.nodes[:at] if each.shape == node.shape and each.kind != "poke"]
    if not before:
        return graph
    args = list(node.args)
    args[random.randrange(len(args))] = _ref(random, random.choice(before))
    return _replaced(graph, at, attrs.evolve(node, args=tuple(args)))


def _views(random: Random, graph: Graph, at: int) -> Graph:
    """An operand is viewed there and back."""
    node = graph.nodes[at]
    which = random.randrange(len(node.args))
    there = Node(
        _name(graph), "view", random.choice(list(SHAPES)), "", (node.args[which],), None, random.randrange(6)
    )
    back = Node(there.name + "b", "view", node.shape, "", (Ref(there.name),), None, random.randrange(6))
    args = (*node.args[:which], Ref(back.name), *node.args[which + 1 :])
    return _replaced(graph, at, there, back, attrs.evolve(node, args=args))


def _tag(random: Random, graph: Graph, at: int) -> Graph:
    node = graph.nodes[at]
    which = random.randrange(len(node.args))
    tag = Node(_name(graph), "call", node.shape, "tag", (node.args[which],), 1.0, random.randrange(6))
    args = (*node.args[:which], Ref(tag.name), *node.args[which + 1 :])
    return _replaced(graph, at, tag, attrs.evolve(node, args=args))


def _tag_after_write(random: Random, graph: Graph, at: int) -> Graph:
    """Two readers of one free call: the second reads what the call gives after a write."""
    node = graph.nodes[at]
    if node.op != "tag":
        return _twin(random, graph, at)
    poke = Node(_name(graph), "poke", node.shape, "", node.args)
    twin = attrs.evolve(node, name=poke.name + "t")
    user = Node(poke.name + "u", "call", node.shape, "plus", (Ref(node.name), Ref(twin.name)))
    nodes = (*graph.nodes[: at + 1], poke, twin, user, *graph.nodes[at + 1 :])
    return attrs.evolve(graph, nodes=nodes)


def _poke_of_input(random: Random, graph: Graph, at: int) -> Graph:
    """An operand is written right behind the call."""
    node = graph.nodes[at]
    poke = Node(_name(graph), "poke", node.shape, "", (random.choice(node.args),))
    return attrs.evolve(graph, nodes=(*graph.nodes[: at + 1], poke, *graph.nodes[at + 1 :]))


def _poke(random: Random, graph: Graph, at: int) -> Graph:
    """Memory is written: of an operand or a result, somewhere behind its maker."""
    node = graph.nodes[at]
    ref = random.choice((*node.args, *node.args, _ref(random, node)))
    start = next(i for i, each in enumerate(graph.nodes) if each.name == ref.node) + 1
    inputs = sum(each.kind == "input" for each in graph.nodes)
    place = random.randint(max(start, inputs), len(graph.nodes))
    poke = Node(_name(graph), "poke", node.shape, "", (ref,))
    return attrs.evolve(graph, nodes=(*graph.nodes[:place], poke, *graph.nodes[place:]))


def _twin(random: Random, graph: Graph, at: int) -> Graph:
    """The call is made twice, now and then with a write of an operand in between; some readers take the second."""
    node = graph.nodes[at]
    twin = attrs.evolve(node, name=_name(graph))
    poke = Node(twin.name + "w", "poke", node.shape, "", (random.choice(node.args),))
    between = (poke,) if random.random() < 0.4 else ()

    def moved(ref: Ref) -> Ref:
        return Ref(twin.name, ref.index) if ref.node == node.name and random.random() < 0.5 else ref

    later = tuple(attrs.evolve(each, args=tuple(map(moved, each.args))) for each in graph.nodes[at + 1 :])
    return attrs.evolve(graph, nodes=(*graph.nodes[: at + 1], *between, twin, *later))


Change = Callable[[Random, Graph, int], Graph]
CHANGES: tuple[Change, ...] = (
    _extra_user,
    _escape,
    _swap,
    _number,
    _other_op,
    _other_operand,
    _views,
    _tag,
    _poke,
    _poke,
    _poke_of_input,
    _twin,
    _tag_after_write,
)
