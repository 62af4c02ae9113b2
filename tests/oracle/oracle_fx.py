"""A `Graph` as the fx graph that a post-grad pass would see.

In: a `Graph`. Out: `to_fx`, an fx graph whose nodes have the names of the graph's nodes (`n3`, and `n3_g1` for
a getitem), with fake tensors in `meta["val"]`; `inputs_for`, random inputs.
"""

from __future__ import annotations

import operator
from functools import cache
from typing import Any

import torch
from oracle_graph import SHAPES, Graph, Node, Ref
from oracle_ops import OPS
from torch._higher_order_ops.auto_functionalize import auto_functionalized, auto_functionalized_v2
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext

SIZE = 2
ATEN = torch.ops.aten


@cache
def fakes(symbolic: bool) -> tuple[Any, dict[str, torch.Tensor]]:
    """The leading size, and a fake tensor of every shape, shared by all graphs."""
    mode = FakeTensorMode(shape_env=ShapeEnv())
    real = torch.empty(5 if symbolic else SIZE, 3, 8, dtype=torch.int64)
    dims = [DimDynamic.DYNAMIC if symbolic else DimDynamic.STATIC, DimDynamic.STATIC, DimDynamic.STATIC]
    first = mode.from_tensor(real, symbolic_context=StatelessSymbolicContext(dynamic_sizes=dims))
    with mode:
        return first.shape[0], {letter: first.view(-1, *tail) for letter, tail in SHAPES.items()}


def to_fx(graph: Graph) -> torch.fx.Graph:
    return _Builder(graph).build()


class _Builder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.fx = torch.fx.Graph()
        self.size, self.fakes = fakes(graph.symbolic)
        self.held: dict[Ref, torch.fx.Node] = {}
        self.shapes = {node.name: node.shape for node in graph.nodes}
        self.read = {ref for node in graph.nodes for ref in node.args} | set(graph.outputs)

    def build(self) -> torch.fx.Graph:
        if self.graph.symbolic:
            self.fx.placeholder("size").meta["val"] = self.size
        for node in sorted(self.graph.nodes, key=lambda each: each.kind != "input"):
            getattr(self, f"_{node.kind}")(node)
        self.fx.output(tuple(self.held[ref] for ref in self.graph.outputs))
        return self.fx

    def _make(self, name: str, target: Any, args: tuple[Any, ...], val: Any, **kwargs: Any) -> torch.fx.Node:
        made = self.fx.create_node("call_function", target, args, kwargs, name=name)
        made.meta["val"] = val
        return made

    def _input(self, node: Node) -> None:
        made = self.held[Ref(node.name)] = self.fx.placeholder(node.name)
        made.meta["val"] = self.fakes[node.shape]

    def _poke(self, node: Node) -> None:
        self._make(node.name, torch.ops.orc.poke_.default, (self.held[node.args[0]],), None)

    def _view(self, node: Node) -> None:
        source, dims = self.held[node.args[0]], [-1, *SHAPES[node.shape]]
        shapes = (self.shapes[node.args[0].node], node.shape)
        target: Any = (ATEN.view, ATEN.reshape)[node.form % 2].default
        args: tuple[Any, ...] = (source, dims)
        if node.form % 3 == 1 and shapes == ("A", "E"):
            target, args = ATEN.unsqueeze.default, (source, 2)
        elif node.form % 3 == 1 and shapes == ("E", "A"):
            target, args = ATEN.squeeze.dim, (source, 2)
        self.held[Ref(node.name)] = self._make(node.name, target, args, self.fakes[node.shape])

    def _call(self, node: Node) -> None:
        info, like = OPS[node.op], self.fakes[node.shape]
        operands = tuple(self.held[ref] for ref in node.args)
        if info.writes:
            self._functional(node, operands, (None, *[like] * len(info.results)))
            return
        args, kwargs = self._spelled(node, operands)
        several = len(info.results) > 1
        val = tuple(like for _ in info.results) if several else like
        made = self._make(node.name, getattr(torch.ops.orc, node.op).default, args, val, **kwargs)
        if several:
            self._take(node, made, first=0)
        else:
            self.held[Ref(node.name)] = made

    def _spelled(self, node: Node, operands: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Tensors by position or by keyword; the number too, or left out where it is the default."""
        info = OPS[node.op]
        if not info.has_k:
            return operands, {}
        if node.form % 3 == 0:
            return (*operands, node.k), {}
        if node.form % 3 == 1 and node.k == info.k_default:
            return operands, {}
        if node.form % 3 == 2:
            return (), {**dict(zip(info.tensors, operands, strict=True)), "k": node.k}
        return operands, {"k": node.k}

    def _functional(self, node: Node, operands: tuple[Any, ...], val: tuple[Any, ...]) -> None:
        op = getattr(torch.ops.orc, f"{node.op}_").default
        names = OPS[node.op].tensors
        written = names[: len(OPS[node.op].results)]
        given: dict[str, Any] = dict(zip(names, operands, strict=True))
        target: Any = auto_functionalized
        if self.graph.v2:
            target = auto_functionalized_v2
            bases = [given.pop(name) for name in written]
            given |= {f"_{name}_base_index": at for at, name in enumerate(written)}
            given["_all_bases"] = bases
        self._take(node, self._make(node.name, target, (op,), val, **given), first=1)

    def _take(self, node: Node, made: torch.fx.Node, first: int) -> None:
        for index in range(node.results):
            if Ref(node.name, index) in self.read:
                taken = self._make(
                    f"{node.name}_g{index}", operator.getitem, (made, index + first), self.fakes[node.shape]
                )
                self.held[Ref(node.name, index)] = taken


def inputs_for(graph: Graph, seed: int) -> list[Any]:
    """Random inputs, equal for an equal seed."""
    size = 4 if graph.symbolic else SIZE
    random = torch.Generator().manual_seed(seed)
    found: list[Any] = [size] if graph.symbolic else []
    for node in graph.nodes:
        if node.kind == "input":
            full = torch.randint(-(2**40), 2**40, (size, 3, 8), generator=random)
            found.append(full.view(-1, *SHAPES[node.shape]).clone())
    return found
