"""A graph as a model of many layers has it, for timing passes.

In: how many layers, which ops compute the norm and its quantisation. Out: an fx graph whose nodes hold fake tensors, 35
nodes a layer, with one place a layer where rms_norm feeds a group quantisation, or with none; how long a pass takes on
it. Compiles nothing.
"""

from __future__ import annotations

import gc
import operator
import time
from collections.abc import Callable
from typing import Any

import attrs
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph, GraphModule, Node

ROWS, HIDDEN, GROUP, EPSILON = 8, 256, 128, 1e-6
LAYERS = 61  # of DeepSeek-V3
NODES = 35  # of a layer
aten = torch.ops.aten


@attrs.frozen
class Dialect:
    """How a graph spells the two ops: `norm(x, weight, epsilon)` and `quant(y, group)`, each with more arguments."""

    norm: Callable[..., Any]
    quant: Callable[..., Any]
    quant_arguments: tuple[Any, ...] = ()


def own() -> Dialect:
    """The ops of patdsl."""
    import patdsl.reference  # registers them

    assert patdsl.reference is not None
    return Dialect(torch.ops.patdsl.rms_norm.default, torch.ops.patdsl.group_quant.default)


class _Builder:
    def __init__(self) -> None:
        self.mode, self.graph = FakeTensorMode(), Graph()

    def input(self, name: str, *dims: int) -> Node:
        node = self.graph.placeholder(name)
        with self.mode:
            node.meta["val"] = torch.empty(dims, dtype=torch.bfloat16)
        return node

    def call(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Node:
        node = self.graph.call_function(target, args, kwargs)
        values = [each.meta["val"] if isinstance(each, Node) else each for each in args]
        with self.mode:
            node.meta["val"] = target(*values, **kwargs)
        return node

    def take(self, source: Node, index: int) -> Node:
        node = self.graph.call_function(operator.getitem, (source, index))
        node.meta["val"] = source.meta["val"][index]
        return node


def build(layers: int, dialect: Dialect, matches: bool = True) -> GraphModule:
    """`layers` layers. Without `matches` the norm is read by something else, and nothing is quantised."""
    make = _Builder()
    x, weight = make.input("x", ROWS, HIDDEN), make.input("weight", HIDDEN)
    matrix = make.input("matrix", HIDDEN, HIDDEN)
    for _ in range(layers):
        x = _layer(make, dialect, x, weight, matrix, matches)
    make.graph.output((x,))
    return GraphModule({}, make.graph)


def _layer(make: _Builder, dialect: Dialect, x: Node, weight: Node, matrix: Node, matches: bool) -> Node:
    before = len(make.graph.nodes)
    y = make.call(dialect.norm, x, weight, EPSILON)
    if matches:
        both = make.call(dialect.quant, y, GROUP, *dialect.quant_arguments)
        q, scale = make.take(both, 0), make.take(both, 1)
        wide = make.call(aten._to_copy.default, q, dtype=torch.bfloat16)
        total = make.call(aten.sum.dim_IntList, scale, [1], True)
        h = make.call(aten._to_copy.default, make.call(aten.mul.Tensor, wide, total), dtype=torch.bfloat16)
    else:
        h = make.call(aten.relu.default, y)
    h = make.call(aten.mm.default, h, matrix)
    ops = _others(make, x)
    while len(make.graph.nodes) - before < NODES - 1:
        h = next(ops)(h)
    return make.call(aten.add.Tensor, x, h)


def _others(make: _Builder, x: Node) -> Any:
    """What the rest of a layer is made of, over and over; every step keeps the type."""
    while True:
        yield lambda h: make.call(aten.add.Tensor, h, x)
        yield lambda h: make.call(aten.mul.Tensor, h, 0.5)
        yield lambda h: make.call(aten.sigmoid.default, h)
        yield lambda h: make.call(
            aten.view.default, make.call(aten.view.default, h, [ROWS, 2, HIDDEN // 2]), [ROWS, HIDDEN]
        )


def timed(apply: Callable[[Graph], Any], graph: Graph) -> float:
    """Seconds of processor time for a pass on a graph."""
    gc.collect()
    start = time.process_time()
    apply(graph)
    return time.process_time() - start
