"""Cuts a failing case down.

In: the `Spec`s and the `Graph` of a case that fails. Out: `shrunk`, the same with everything left out that it fails
without: patterns, clauses, steps, nodes, outputs, disturbances of operands; `reproduction`, its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from oracle_cases import File, check
from oracle_graph import Graph, Ref, is_swept, is_valid
from oracle_patterns import compiled
from oracle_spec import Spec, Step, text_of

Case = tuple[tuple[Spec, ...], Graph]


def failures(specs: tuple[Spec, ...], graph: Graph) -> frozenset[str]:
    """What kinds of disagreements there are: names of nodes and patterns do not count."""
    fused = compiled(specs)
    told = () if fused is None else check(File(specs, fused, fused.resolved()), graph).disagreements
    return frozenset(re.sub(r"\bp\d\b|\[.*?\]", "", each) for each in told)


def shrunk(
    specs: tuple[Spec, ...],
    graph: Graph,
    kinds: Callable[[tuple[Spec, ...], Graph], frozenset[str]] = failures,
) -> Case:
    """The smallest case with a disagreement of one kind that is found by leaving out one thing at a time."""
    first = kinds(specs, graph)

    def still(specs: tuple[Spec, ...], graph: Graph) -> bool:
        return not first.isdisjoint(kinds(specs, graph))

    while True:
        smaller = next((each for each in _smaller(specs, graph) if still(*each)), None)
        if smaller is None:
            return specs, graph
        specs, graph = smaller


def _smaller(specs: tuple[Spec, ...], graph: Graph) -> Iterator[Case]:
    for at in range(len(specs) if len(specs) > 1 else 0):
        rest = (*specs[:at], *specs[at + 1 :])
        names = {spec.name for spec in rest}
        yield tuple(attrs.evolve(s, over=tuple(n for n in s.over if n in names)) for s in rest), graph
    for smaller in _smaller_graphs(graph):
        if is_valid(smaller) and is_swept(smaller):
            yield specs, smaller
    for at, spec in enumerate(specs):
        for simpler in _simpler(spec):
            yield (*specs[:at], simpler, *specs[at + 1 :]), graph


def _smaller_graphs(graph: Graph) -> Iterator[Graph]:
    for at, node in enumerate(graph.nodes):
        rest = (*graph.nodes[:at], *graph.nodes[at + 1 :])
        kept = tuple(ref for ref in graph.outputs if ref.node != node.name)
        yield attrs.evolve(graph, nodes=rest, outputs=kept)
        for source in node.args[:1]:
            moved = tuple(
                attrs.evolve(e, args=tuple(_moved(r, node.name, source) for r in e.args)) for e in rest
            )
            outputs = dict.fromkeys(_moved(ref, node.name, source) for ref in graph.outputs)
            yield attrs.evolve(graph, nodes=moved, outputs=tuple(outputs))
        if node.form:
            yield attrs.evolve(
                graph, nodes=(*graph.nodes[:at], attrs.evolve(node, form=0), *graph.nodes[at + 1 :])
            )
    for ref in graph.outputs:
        yield attrs.evolve(graph, outputs=tuple(each for each in graph.outputs if each != ref))
    if graph.v2 or graph.symbolic:
        yield attrs.evolve(graph, v2=False, symbolic=False)


def _moved(ref: Ref, name: str, source: Ref) -> Ref:
    return source if ref.node == name else ref


def _simpler(spec: Spec) -> Iterator[Spec]:
    for clause in ("where", "inputs", "over", "taken", "keep"):
        if getattr(spec, clause):
            changed: dict[str, Any] = {clause: ()}
            yield attrs.evolve(spec, **changed)
    for flag in ("each", "matrix"):
        if getattr(spec, flag):
            changed = {flag: False}
            yield attrs.evolve(spec, **changed)
    for name in spec.replaced:
        yield attrs.evolve(spec, replaced=tuple(each for each in spec.replaced if each != name))
    for at, step in enumerate(spec.steps):
        gone = set(step.results)
        left = tuple(_without(each, gone) for each in (*spec.steps[:at], *spec.steps[at + 1 :]))
        ends = tuple(arg for arg in step.args if arg in spec.made)
        replaced = tuple(dict.fromkeys(each for each in (*spec.replaced, *ends) if each not in gone))
        keep = tuple(each for each in spec.keep if each not in {*gone, *replaced})
        taken = tuple(each for each in spec.taken if each in keep)
        yield attrs.evolve(spec, steps=left, replaced=replaced, keep=keep, taken=taken)
        for simpler in (
            attrs.evolve(step, fan_out=""),
            attrs.evolve(step, views=tuple(0 for _ in step.views)),
        ):
            if simpler != step:
                yield attrs.evolve(spec, steps=(*spec.steps[:at], simpler, *spec.steps[at + 1 :]))


def _without(step: Step, gone: set[str]) -> Step:
    """Operands that nothing makes any more are inputs, which are not seen through views."""
    views = tuple(0 if arg in gone else view for arg, view in zip(step.args, step.views, strict=True))
    return attrs.evolve(step, views=views)


def reproduction(specs: tuple[Spec, ...], graph: Graph) -> str:
    """Everything needed to see the failure again."""
    fused = compiled(specs)
    told = check(File(specs, fused, fused.resolved()), graph).disagreements if fused is not None else ()
    return "\n".join(
        [*told, "", text_of(specs), str(graph), "", f"SPECS = {specs!r}", f"GRAPH = {graph!r}", ""]
    )
