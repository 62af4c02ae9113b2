"""What torch's matcher gets wrong, each fault with what shows it in a case.

In: a match that torch makes and patdsl does not, or the reverse. Out: `wrongly_matched`, the fault that torch's match
shows, read off the match itself; `missed`, the changes to the graph under which torch finds the place too. None: the
difference is not torch's fault. Matches are compared by the calls they take, other than views and `getitem`s.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from typing import Any

import attrs
import torch
from oracle_graph import Ref
from peer_fx import to_fx
from peer_ops import OPS
from peer_spec import Graph, Node, Spec, types_of
from peer_torch import Found, TorchPass, found, torch_pass
from torch.fx import Node as FxNode

Place = frozenset[str]
ATEN = torch.ops.aten
FREE = {
    *(operator.getitem, ATEN.view.default, ATEN.reshape.default),
    *(ATEN.split_with_sizes.default, ATEN.split.Tensor),
}

NOT_INJECTIVE = "two calls of the pattern are one node"
KEYWORDS = "a keyword argument that the pattern does not name is ignored"
NOT_CHECKED = "what is written is not what was checked"
NO_PLACE = "the replacement needs what is computed from its own results"
STAYS = "the replacement reads what it was to replace"
SPELLING = "another spelling of the same call"
RESHAPE = "view and reshape are different targets"
LAYOUT = "views and splits are taken one by one"
DEAD = "a result that nobody reads"
CHOICE = "one way to bind is tried for each root"


def place_of(match: Found) -> Place:
    return frozenset(node.name for node in match.nodes if not _is_free(node))


def _is_free(node: FxNode) -> bool:
    return node.target in FREE


# torch matches, patdsl does not


def wrongly_matched(match: Found) -> str | None:
    if not is_injective(match):
        return NOT_INJECTIVE
    if any(set(node.kwargs) - set(pattern.kwargs) for pattern, node in match.bound):
        return KEYWORDS
    if set(match.nodes) != set(match.checked):
        return NOT_CHECKED
    if _depends(match):
        return NO_PLACE
    if set(match.inputs) & (set(match.nodes) | {taken for node in match.nodes for taken in _views_of(node)}):
        return STAYS
    return None


def is_injective(match: Found) -> bool:
    return len(set(match.nodes)) == len(match.nodes)


def _depends(match: Found) -> bool:
    """Whether an operand of the replacement is computed, outside of the match, from a value that it replaces."""
    seen: set[FxNode] = set()
    waiting = [user for node in match.outputs for user in node.users if user not in match.nodes]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += node.users
    return not seen.isdisjoint(match.inputs)


def _views_of(node: FxNode) -> Iterator[FxNode]:
    """Values that are the node's under another shape."""
    for user in node.users:
        if _is_free(user):
            yield user
            yield from _views_of(user)


# patdsl matches, torch does not


def missed(spec: Spec, theirs: TorchPass, graph: Graph, place: Place) -> tuple[str, ...] | None:
    """The fewest faults that explain it: with what each is about out of the graph, torch finds the place. For the last
    one also with the pattern's outputs in another order.
    """
    mends = (
        (SPELLING, lambda g: [_respelled(g, views=False)]),
        (RESHAPE, lambda g: [_respelled(g, views=True)]),
        (DEAD, lambda g: _read(g, spec, place)),
        (LAYOUT, lambda g: _single_views(g, spec, place)),
        (CHOICE, lambda g: [_isolated(g, place, views) for views in (False, True)]),
    )
    for count in range(1, len(mends) + 1):
        for chosen in itertools.combinations(mends, count):
            graphs = [graph]
            for _, mend in chosen:
                graphs = [made for each in graphs for made in mend(each) if types_of(made) is not None]
            names = tuple(name for name, _ in chosen)
            for each in graphs:
                how = _finds(theirs, each, place)
                if how is None and CHOICE in names:
                    how = _finds_in_some_order(spec, each, place)
                if how is not None:
                    return (*names, *how)
    return None


def _finds(theirs: TorchPass, graph: Graph, place: Place) -> tuple[str, ...] | None:
    """Nothing where torch finds the place; the fault where it takes a part of it twice."""
    matches = found(theirs, to_fx(graph))
    if any(is_injective(each) and place_of(each) == place for each in matches):
        return ()
    twice = any(not is_injective(each) and place_of(each) < place for each in matches)
    return (NOT_INJECTIVE,) if twice else None


def _finds_in_some_order(spec: Spec, graph: Graph, place: Place) -> tuple[str, ...] | None:
    orders = itertools.islice(itertools.permutations(spec.replaced), 1, 24)
    others = (torch_pass(attrs.evolve(spec, replaced=order)) for order in orders)
    return next((how for each in others if (how := _finds(each, graph, place)) is not None), None)


def _respelled(graph: Graph, views: bool) -> Graph:
    nodes = tuple(attrs.evolve(n, form=0) if OPS[n.op].is_view is views else n for n in graph.nodes)
    return attrs.evolve(graph, nodes=nodes)


def _read(graph: Graph, spec: Spec, place: Place) -> Iterator[Graph]:
    """Some results of the place's calls, which the pattern replaces and nobody read, are returned."""
    read = {ref for node in graph.nodes for ref in node.args} | set(graph.outputs)
    asked = {(s.op, at) for s in spec.steps for at, name in enumerate(s.results) if name in spec.replaced}
    near = [node for node in graph.nodes if node.name in place or OPS[node.op].is_free]
    dead = [Ref(node.name, at) for node in near for op, at in sorted(asked) if op == node.op]
    dead = [ref for ref in dead if ref not in read]
    for count in range(1, len(dead) + 1):
        for chosen in itertools.combinations(dead, count):
            yield attrs.evolve(graph, outputs=(*graph.outputs, *chosen))
            # Of a split also by a split of its own: torch counts the parts that are read.
            apart = [attrs.evolve(n, name=f"{n.name}_d") for n in near if OPS[n.op].is_free]
            moved = {node.name.removesuffix("_d"): node.name for node in apart}
            outputs = (Ref(moved.get(ref.node, ref.node), ref.index) for ref in chosen)
            own = attrs.evolve(graph, nodes=(*graph.nodes, *apart), outputs=(*graph.outputs, *outputs))
            yield _swept(own)


def _single_views(graph: Graph, spec: Spec, place: Place) -> Iterator[Graph]:
    """Views and splits as torch wants them: equal ones are one, chains are short or stay, those that something else
    reads too are there twice; or with a view that changes nothing where the pattern may want one.
    """
    types = types_of(graph)
    assert types is not None  # graphs that are none are left out before
    for whole_chains in (True, False):
        base = _merged(graph, types, whole_chains)
        yield base
        yield _unshared(base, place)
    yield _unshared(graph, place)
    yield _parted(graph)
    for chained in _chained(graph):
        yield chained
        yield _unshared(chained, place)
    base = _merged(graph, types, whole_chains=False)
    wanted = {OPS[step.op].dims: step.op for step in spec.steps if OPS[step.op].is_view}
    for at, node in enumerate(base.nodes):
        for which, ref in enumerate(node.args):
            dims = tuple(types[ref].shape)
            if node.name in place and dims in wanted:
                view = Node(f"{node.name}_v{which}", wanted[dims], (ref,))
                args = (*node.args[:which], Ref(view.name), *node.args[which + 1 :])
                changed = (*base.nodes[:at], view, attrs.evolve(node, args=args), *base.nodes[at + 1 :])
                yield attrs.evolve(base, nodes=changed)
        for index in range(OPS[node.op].results):
            ref = Ref(node.name, index)
            if node.name in place and tuple(types[ref].shape) in wanted:
                yield _viewed(base, at, ref, wanted[tuple(types[ref].shape)])


def _parted(graph: Graph) -> Graph:
    """The second part of each split by a split of its own."""
    splits = {node.name for node in graph.nodes if OPS[node.op].listed}

    def moved(ref: Ref) -> Ref:
        return Ref(f"{ref.node}_p", 1) if ref.node in splits and ref.index == 1 else ref

    nodes = []
    for node in graph.nodes:
        changed = attrs.evolve(node, args=tuple(map(moved, node.args)))
        nodes += [changed, attrs.evolve(changed, name=f"{node.name}_p")] if node.name in splits else [changed]
    return _swept(attrs.evolve(graph, nodes=tuple(nodes), outputs=tuple(map(moved, graph.outputs))))


def _chained(graph: Graph) -> Iterator[Graph]:
    """Of two views of one value one as a view of the other."""
    for node, other in itertools.permutations(graph.nodes, 2):
        if OPS[node.op].is_view and OPS[other.op].is_view and node.args == other.args:
            chain = (other, attrs.evolve(node, args=(Ref(other.name),)))
            rest = [each for each in graph.nodes if each != other]
            at = rest.index(node)
            yield attrs.evolve(graph, nodes=(*rest[:at], *chain, *rest[at + 1 :]))


def _merged(graph: Graph, types: dict[Ref, torch.Tensor], whole_chains: bool) -> Graph:
    """One node of equal views and splits, no view that changes nothing, and of each chain the last view."""
    now: dict[Ref, Ref] = {}
    made: dict[tuple[Any, ...], str] = {}
    nodes: list[Node] = []
    sources: dict[Ref, Ref] = {}
    for node in graph.nodes:
        args = tuple(now.get(ref, ref) for ref in node.args)
        if OPS[node.op].is_view:
            source = args[0] if whole_chains else sources.get(args[0], args[0])
            if types[source].shape == types[Ref(node.name)].shape:
                now[Ref(node.name)] = source
                continue
            args = (source,)
            sources[Ref(node.name)] = source
        if OPS[node.op].is_free:
            first = made.setdefault((node.op, args), node.name)
            if first != node.name:
                now.update({Ref(node.name, at): Ref(first, at) for at in range(OPS[node.op].results)})
                continue
        nodes.append(attrs.evolve(node, args=args))
    outputs = tuple(dict.fromkeys(now.get(ref, ref) for ref in graph.outputs))
    return _swept(attrs.evolve(graph, nodes=tuple(nodes), outputs=outputs))


def _viewed(graph: Graph, at: int, ref: Ref, view: str) -> Graph:
    """All that reads the value reads a view of it."""
    seen = Node(f"{ref.node}_r{ref.index}", view, (ref,))
    now = {ref: Ref(seen.name)}
    later = [attrs.evolve(n, args=tuple(now.get(r, r) for r in n.args)) for n in graph.nodes[at + 1 :]]
    outputs = tuple(now.get(r, r) for r in graph.outputs)
    return attrs.evolve(graph, nodes=(*graph.nodes[: at + 1], seen, *later), outputs=outputs)


def _unshared(graph: Graph, place: Place) -> Graph:
    """Views and splits that something of the place reads, or that nothing else does, once more for the others."""
    nodes: list[Node] = []
    moved: dict[str, str] = {}
    for node in graph.nodes:
        own = node.name in place
        args = node.args if own else tuple(Ref(moved.get(r.node, r.node), r.index) for r in node.args)
        nodes.append(node if OPS[node.op].is_free else attrs.evolve(node, args=args))
        if OPS[node.op].is_free:
            moved[node.name] = f"{node.name}_o"
            nodes.append(attrs.evolve(node, name=f"{node.name}_o", args=args))
    outputs = tuple(Ref(moved.get(r.node, r.node), r.index) for r in graph.outputs)
    return _swept(attrs.evolve(graph, nodes=tuple(nodes), outputs=outputs))


def _isolated(graph: Graph, place: Place, views: bool) -> Graph:
    """Only the place, what it is computed from, and perhaps the views of it; what it gave to the rest is returned."""
    by_name = {node.name: node for node in graph.nodes}
    inside: set[str] = set()

    def need(name: str) -> None:
        if name in by_name and name not in inside:
            inside.add(name)
            for ref in by_name[name].args:
                need(ref.node)

    for name in place:
        need(name)
    for node in graph.nodes if views else ():
        if OPS[node.op].is_free and node.args[0].node in inside:
            inside.add(node.name)
    read = [ref for n in graph.nodes if n.name not in inside for ref in n.args] + list(graph.outputs)
    outputs = tuple(dict.fromkeys(ref for ref in read if ref.node in inside))
    return Graph(graph.inputs, tuple(n for n in graph.nodes if n.name in inside), outputs)


def _swept(graph: Graph) -> Graph:
    """Without views and splits that nobody reads."""
    while True:
        read = {ref.node for node in graph.nodes for ref in node.args} | {ref.node for ref in graph.outputs}
        left = tuple(node for node in graph.nodes if node.name in read or not OPS[node.op].is_free)
        if left == graph.nodes:
            return graph
        graph = attrs.evolve(graph, nodes=left)
