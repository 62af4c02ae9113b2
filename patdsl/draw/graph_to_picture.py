"""A graph and a pattern -> pictures of the graph before and after the rewrite.

In: a graph that torch has printed, a pass that has the pattern alone, a target. Out: two `Picture`s and how often the
pattern matches. What a match takes has its colour before, what it puts there has it after; an op of several results
is one box. Of a large graph only what is near matches is drawn, and the note says how much is left out. Executes
nothing and needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from patdsl.draw.picture import Arrow, Box, Kind, Picture
from patdsl.explain.printed import PRINTED, target_of
from patdsl.graph import PassSpec
from patdsl.match.engine import find
from patdsl.match.found import Match, RightValue, TensorMeta, TypedCall, Value
from patdsl.match.layout import ALWAYS_FREE, RESHAPES
from patdsl.printed.schemas import Schemas
from patdsl.printed.text_to_graph import PrintedGraph, PrintedNode
from patdsl.printed.view import PrintedView
from patdsl.runtime.hosts import host_values
from patdsl.runtime.resolve import resolve_pass

#: A graph of more nodes is drawn in part: this many steps around matches, as many matches as bring no more nodes.
MOST_NODES, STEPS = 90, 2
LONGEST = 40


@attrs.frozen
class Pictured:
    """`reasons`: why the pattern is not looked for on this target."""

    before: Picture
    after: Picture
    matches: int
    reasons: tuple[str, ...]


@attrs.frozen
class _Drawn:
    """A node of either graph. `inputs` are keys."""

    key: str
    kind: Kind
    lines: tuple[str, ...]
    hover: str
    inputs: tuple[str, ...]
    match: int | None = None


def graph_pictures(graph: PrintedGraph, spec: PassSpec, target: str | None) -> Pictured:
    """Both pictures of one graph."""
    name = target or target_of(graph)
    resolved = resolve_pass(spec, name, host_values([spec], None), process=PRINTED)
    reasons = tuple(
        dict.fromkeys((*resolved.reasons, *(why for one in resolved.standings for why in one.reasons)))
    )
    view = PrintedView(graph, Schemas(spec.ops))
    patterns = resolved.enabled
    matches = find(view, patterns, resolved.context).matches if patterns else ()
    before = list(_before(view, matches))
    after = _after(view, before, matches)
    shown, told = _near(before, matches)
    kept = {node.key for node in before if node.key in shown}
    later = {node.key for node in after if node.key in kept or (node.match in told and node.kind == "new")}
    later |= {key for node in after if node.key in later and node.kind == "new" for key in node.inputs}
    title = f"{graph.text.name}, {len(graph.nodes):,} nodes, read for {name}"
    return Pictured(
        _picture(f"before: {title}", before, shown, len(told), len(matches)),
        _picture(f"after: {len(after):,} nodes", after, later, len(told), len(matches)),
        len(matches),
        reasons,
    )


def _before(view: PrintedView, matches: Sequence[Match[Any]]) -> Iterator[_Drawn]:
    owner = {node: at for at, match in enumerate(matches) for node in match.dying}
    for node in view.nodes:
        match = owner.get(node)
        kind: Kind = "op"
        if match is not None:
            kind = "gone"
        elif node.is_output:
            kind = "output"
        elif node.target is None and node.taken is None and not node.inputs:
            kind = "input"
        elif node.taken is not None or node.target in ALWAYS_FREE | RESHAPES:
            kind = "view"
        inputs = tuple(_key(each) for each in node.inputs)
        yield _Drawn(_key(node), kind, _lines(node), _hover(view, node), inputs, match)


def _after(view: PrintedView, before: Sequence[_Drawn], matches: Sequence[Match[Any]]) -> list[_Drawn]:
    """What is left, and what is new, in an order in which every node stands behind its inputs."""
    instead: dict[str, str] = {}
    new: list[_Drawn] = []
    for at, match in enumerate(matches):
        made, calls = _right_side(view, match, at)
        new += calls
        for replaced in match.replaced:
            source = _source(replaced.new, made)
            if replaced.view_as is not None:
                source = _viewed(source, replaced.view_as, at, new)
            instead.update((_key(node), source) for node in replaced.old.holders)
            if not replaced.old.holders:
                instead[_key(replaced.old.producer)] = source

    def final(key: str) -> str:
        seen = set()
        while key in instead and key not in seen:
            seen.add(key)
            key = instead[key]
        return key

    gone = {node.key for node in before if node.kind == "gone"} | set(instead)
    nodes = [node for node in before if node.key not in gone] + new
    nodes = [attrs.evolve(node, inputs=tuple(dict.fromkeys(map(final, node.inputs)))) for node in nodes]
    read_before = {key for node in before for key in node.inputs}
    while True:
        read = {key for node in nodes for key in node.inputs}
        left = [
            node
            for node in nodes
            if node.key in read or node.kind in ("output", "input", "new") or node.key not in read_before
        ]
        if len(left) == len(nodes):
            return left
        nodes = left


def _viewed(source: str, dims: tuple[Any, ...], match: int, new: list[_Drawn]) -> str:
    """The key of a view of what another box makes."""
    text = f"view [{', '.join(map(str, dims))}]"
    key = f"new {match}.{source} {text}"
    if all(node.key != key for node in new):
        new.append(_Drawn(key, "new", (text,), text, (source,), match))
    return key


def _right_side(view: PrintedView, match: Match[Any], at: int) -> tuple[dict[RightValue, str], list[_Drawn]]:
    """The key of what makes each value of the right side, and the nodes that do."""
    made: dict[RightValue, str] = {}
    nodes = []
    for number, step in enumerate(match.right):
        key = f"new {at}.{number}"
        if isinstance(step, TypedCall):
            inputs = tuple(
                _source(value, made, step.branch) for arg in step.args.values() for value in _values(arg)
            )
            types = [f"{name}: {type_of(meta)}" for name, meta in step.results.items()]
            scalars = [f"{name}={arg}" for name, arg in step.args.items() if not list(_values(arg))]
            hover = "\n".join((f"{step.op.name}, called as {step.binding.target}", *types, *scalars))
            nodes.append(_Drawn(key, "new", (step.op.name, *_first(types)), hover, inputs, at))
            made.update((RightValue(name, step.branch), key) for _, name in step.step.results)
        else:
            dims = ", ".join(map(str, step.dims))
            source = _source(step.source, made, step.branch)
            nodes.append(_Drawn(key, "new", (f"view [{dims}]",), f"view [{dims}]", (source,), at))
            made[RightValue(step.step.value, step.branch)] = key
    return made, nodes


def _source(value: Any, made: Mapping[RightValue, str], branch: int | None = None) -> str:
    if isinstance(value, RightValue):
        found = (
            made.get(value) or made.get(RightValue(value.name, branch)) or made.get(RightValue(value.name))
        )
        assert found is not None
        return found
    assert isinstance(value, Value)
    return _key(value.holders[0] if value.holders else value.producer)


def _values(argument: Any) -> Iterator[Any]:
    if isinstance(argument, (Value, RightValue)):
        yield argument
    elif isinstance(argument, tuple):
        for item in argument:
            yield from _values(item)


def _near(nodes: Sequence[_Drawn], matches: Sequence[Match[Any]]) -> tuple[set[str], set[int]]:
    """The keys of what is drawn, and which matches that is. What else reads an input of the graph is not near."""
    every = set(range(len(matches)))
    if len(nodes) <= MOST_NODES:
        return {node.key for node in nodes}, every
    joined: dict[str, set[str]] = {node.key: set(node.inputs) for node in nodes}
    for node in nodes:
        for key in node.inputs:
            joined[key].add(node.key)
    ends = {node.key for node in nodes if node.kind == "output"}
    inputs = {node.key for node in nodes if node.kind == "input"}
    shown: set[str] = set()
    told: set[int] = set()
    for at in sorted(every):
        near = {node.key for node in nodes if node.match == at}
        for _ in range(STEPS):
            near |= {key for one in near - inputs for key in joined[one]} - ends
        if told and len(shown | near) > MOST_NODES:
            break
        shown |= near
        told.add(at)
    return shown, told


def _picture(title: str, nodes: Sequence[_Drawn], shown: set[str], told: int, matches: int) -> Picture:
    readers: dict[str, int] = {}
    for node in nodes:
        if node.key not in shown:
            for key in node.inputs:
                readers[key] = readers.get(key, 0) + 1
    boxes, arrows = [], []
    for node in nodes:
        if node.key not in shown:
            continue
        hidden = [
            f"{count:,} {what} not drawn"
            for count, what in (
                (sum(key not in shown for key in node.inputs), "inputs"),
                (readers.get(node.key, 0), "readers"),
            )
            if count
        ]
        lines = (*node.lines, "...") if hidden else node.lines
        boxes.append(Box(node.key, node.kind, lines, "\n".join((node.hover, *hidden)), node.match))
        arrows += [Arrow(key, node.key) for key in dict.fromkeys(node.inputs) if key in shown]
    left_out = len(nodes) - len(boxes)
    notes = [f"{matches:,} {'match' if matches == 1 else 'matches, each in a colour'}"]
    if told < matches:
        notes.append(f"the first {told:,} are drawn")
    if left_out:
        notes.append(
            f"{left_out:,} of {len(nodes):,} nodes are left out, further than {STEPS} steps from these"
        )
    return Picture(title, boxes, arrows, "; ".join(notes))


# words


def _key(node: PrintedNode) -> str:
    return f"node {node.position}"


def _lines(node: PrintedNode) -> tuple[str, ...]:
    what = node.target or ""
    lines = [_cut(node.name), *([_cut(what.removesuffix(".default"))] if what else [])]
    return (*lines, *_first([type_of(node.held)] if isinstance(node.held, TensorMeta) else []))


def _hover(view: PrintedView, node: PrintedNode) -> str:
    lines = [f"{node.name}: {node.target or node.what or 'input'}"]
    if isinstance(node.held, TensorMeta):
        strides = f", strides {list(map(str, node.held.strides))}" if node.held.strides is not None else ""
        lines.append(f"{type_of(node.held)} on {node.held.device}{strides}")
    elif node.held is not None:
        lines.append(str(node.held))
    lines.append(f"line {node.line}")
    if node.source:
        lines.append(node.source)
    return "\n".join(lines)


def type_of(meta: TensorMeta | None) -> str:
    """`dtype[dims]`."""
    return "?" if meta is None else f"{meta.dtype}[{', '.join(map(str, meta.dims))}]"


def _first(texts: Iterable[str]) -> list[str]:
    return [_cut(text) for text in texts]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def without_others(spec: PassSpec, name: str) -> PassSpec | None:
    """The pass with one pattern alone, in all its variants; None where it has none of that name."""
    patterns = tuple(each for each in spec.patterns if name in (each.name, each.full_name))
    return attrs.evolve(spec, patterns=patterns) if patterns else None
