"""A `Graph` as an fx graph with fake values, and what it computes.

In: a `Graph`. Out: `to_fx`, a graph module whose nodes are called as the graph's nodes are (`n3_g1` takes result 1 of
`n3`); `results`, what it gives for random inputs.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from oracle_graph import Ref
from peer_ops import OPS
from peer_spec import Graph
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule

MODE = FakeTensorMode()


def to_fx(graph: Graph) -> GraphModule:
    made = torch.fx.Graph()
    held: dict[Ref, torch.fx.Node] = {}
    read = {ref for node in graph.nodes for ref in node.args} | set(graph.outputs)
    for name, dims in graph.inputs:
        node = held[Ref(name)] = made.placeholder(name)
        with MODE:
            node.meta["val"] = torch.empty(dims)
    for each in graph.nodes:
        op = OPS[each.op]
        spellings = op.spell(*(held[e] if isinstance(e, Ref) else e for e in each.operands))
        target, args, kwargs = spellings[each.form % len(spellings)]
        node = made.create_node("call_function", target, args, kwargs, name=each.name)
        values = torch.fx.map_arg((args, kwargs), lambda arg: arg.meta["val"])
        with MODE:
            node.meta["val"] = target(*values[0], **values[1])
        if op.results == 1:
            held[Ref(each.name)] = node
            continue
        for index in range(op.results):
            if Ref(each.name, index) in read:
                taken = made.create_node(
                    "call_function", operator.getitem, (node, index), name=f"{each.name}_g{index}"
                )
                taken.meta["val"] = node.meta["val"][index]
                held[Ref(each.name, index)] = taken
    made.output(tuple(held[ref] for ref in graph.outputs))
    return GraphModule({}, made)


def results(module: GraphModule, graph: Graph) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(7)
    inputs: list[Any] = [torch.randn(dims, generator=random) for _, dims in graph.inputs]
    return tuple(torch.fx.Interpreter(module).run(*inputs))


def same(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> bool:
    """Equal dtypes, shapes and values."""
    return len(one) == len(other) and all(
        a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
        for a, b in zip(one, other, strict=True)
    )
