"""The graph after the pass against the graph before: it computes the same, in the same order of writes.

In: a compiled pass and a `Graph`. Out: `differ`: sentences, none where all is well, and how many matches were
written. Both graphs run in `torch.fx.Interpreter` on equal random inputs; results, what became of the inputs, and
the state that `put` writes must be equal. Every node must hold a value of the type that its `val` says.
"""

from __future__ import annotations

from typing import Any

import attrs
import torch
from oracle_fx import inputs_for, to_fx
from oracle_graph import Graph
from oracle_ops import CACHE

from patdsl.runtime.passes import FusionPass


@attrs.frozen
class Outcome:
    """`results` of the graph, the inputs and the state afterwards."""

    results: tuple[Any, ...]
    inputs: tuple[Any, ...]
    state: dict[int, int]
    wrong_types: tuple[str, ...]


class _Typed(torch.fx.Interpreter):
    """Compares every value with the type that its node declares."""

    def __init__(self, graph: torch.fx.Graph) -> None:
        super().__init__(torch.nn.Module(), graph=graph)
        self.wrong: list[str] = []

    def run_node(self, n: torch.fx.Node) -> Any:
        value = super().run_node(n)
        if n.op == "call_function" and not _fits(n.meta.get("val"), value):
            self.wrong.append(f"{n.name} is declared {n.meta.get('val')!r}")
        return value


def _fits(declared: Any, value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return isinstance(declared, (tuple, list)) and all(map(_fits, declared, value))
    if not isinstance(value, torch.Tensor):
        return True
    return isinstance(declared, torch.Tensor) and (
        declared.dtype == value.dtype
        and _numbers_fit(declared.shape, value.shape)
        and _numbers_fit(declared.stride(), value.stride())
    )


def _numbers_fit(declared: Any, actual: Any) -> bool:
    """Symbols may be anything."""
    return len(declared) == len(actual) and all(
        not isinstance(one, int) or one == other for one, other in zip(declared, actual, strict=True)
    )


def _run(graph: torch.fx.Graph, inputs: list[Any]) -> Outcome:
    CACHE.clear()
    interpreter = _Typed(graph)
    results = tuple(interpreter.run(*inputs))
    return Outcome(results, tuple(inputs), dict(CACHE), tuple(interpreter.wrong))


def differ(fused: FusionPass, graph: Graph, seed: int) -> tuple[list[str], int]:
    """What is wrong with the pass on this graph, and how many matches it wrote."""
    rewritten = to_fx(graph)
    fused(rewritten)
    written = sum(fused.last_counts.values())
    told = [f"not written: {each}" for each in fused.report().refusals if each.rule == "written"]
    if not written:
        return told, 0
    rewritten.lint()
    pokes = [node.name for node in rewritten.nodes if str(node.target).startswith("orc.poke_")]
    if pokes != [node.name for node in graph.nodes if node.kind == "poke"]:
        told.append(f"writes are in another order: {pokes}")
    before, after = _run(to_fx(graph), inputs_for(graph, seed)), _run(rewritten, inputs_for(graph, seed))
    told += [f"type: {each}" for each in (*before.wrong_types, *after.wrong_types)]
    for what in ("results", "inputs"):
        for at, (old, new) in enumerate(zip(getattr(before, what), getattr(after, what), strict=True)):
            if isinstance(old, torch.Tensor) and not (torch.equal(old, new) and old.stride() == new.stride()):
                told.append(f"{what}[{at}] differs")
    if before.state != after.state:
        told.append("the state that put writes differs")
    return told, written
