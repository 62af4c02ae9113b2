"""The matcher's graph protocol over a torch.fx graph, as Inductor hands it to a post-grad pass.

In: a `torch.fx.Graph` whose nodes carry example values (`meta["val"]`, `meta["example_value"]` or
`meta["tensor_meta"]`). Out: `FxView`. Reads the graph once, in linear time, and changes nothing. Nodes that call
`auto_functionalized` or `auto_functionalized_v2` are presented as calls of the op inside (`functionalized.py`).
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch.fx import Graph, Node

from patdsl.dtypes import FROM_TORCH
from patdsl.match.found import TensorMeta
from patdsl.match.functionalized import functionalized_call
from patdsl.match.fx_functionalized import FUNCTIONALIZED
from patdsl.match.fx_schema import overload_of, plain, schema_of, target_name
from patdsl.match.memory import Memory
from patdsl.match.protocol import Call, Handle
from patdsl.match.schema import Schema, normal_call

_NUMBERS = (int, float, torch.SymInt, torch.SymFloat, torch.SymBool)
Op: TypeAlias = torch._ops.OpOverload


class FxView(Memory[Node]):
    """One graph at one moment. See `GraphView` for the methods."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.nodes: Sequence[Node] = tuple(graph.nodes)
        self._by_op = _by_op(self.nodes)
        self._by_target = {target_name(op): nodes for op, nodes in self._by_op.items()}
        self._calls: dict[Node, Call | None] = {}
        self._metas: dict[tuple[Node, int | None], TensorMeta | None] = {}

    @cached_property
    def _positions(self) -> dict[Node, int]:
        return {node: at for at, node in enumerate(self.nodes)}

    @cached_property
    def _targets(self) -> dict[Node, str]:
        return {node: target for target, nodes in self._by_target.items() for node in nodes}

    def position(self, node: Node) -> int:
        return self._positions[node]

    @property
    def targets(self) -> Iterable[str]:
        return self._by_target

    def by_target(self, target: str) -> Sequence[Node]:
        return self._by_target.get(target, ())

    def target(self, node: Node) -> str | None:
        return self._targets.get(node)

    def call(self, node: Node) -> Call | None:
        if node not in self._calls:
            self._calls[node] = self._make_call(node)
        return self._calls[node]

    def _make_call(self, node: Node) -> Call | None:
        if node not in self._targets:
            return None
        op = _called(node)
        if node.target in FUNCTIONALIZED:
            given = {name: self._operand(value) for name, value in node.kwargs.items() if name[:4] != "_op_"}
            return functionalized_call(FUNCTIONALIZED[node.target], schema_of(op), given, self.meta)
        return normal_call(schema_of(op), node.args, node.kwargs, self._operand, self.meta)

    def _operand(self, value: Any) -> Any:
        if isinstance(value, Node):
            held = _example(value)
            return held if isinstance(held, _NUMBERS) else Handle(value)
        if isinstance(value, (list, tuple)):
            return tuple(self._operand(item) for item in value)
        return plain(value)

    def given(self, node: Node) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        return self._operand(node.args), {name: self._operand(each) for name, each in node.kwargs.items()}

    def getitem(self, node: Node) -> tuple[Node, int] | None:
        if node.target is not operator.getitem or len(node.args) != 2:
            return None
        source, index = node.args
        return (source, index) if isinstance(source, Node) and isinstance(index, int) else None

    def users(self, node: Node) -> Sequence[Node]:
        return [user for user in node.users if user in self._positions]

    def inputs(self, node: Node) -> Sequence[Node]:
        return node.all_input_nodes

    def meta(self, node: Node, index: int | None = None) -> TensorMeta | None:
        place = (node, index)
        if place not in self._metas:
            self._metas[place] = self._make_meta(node, index)
        return self._metas[place]

    def _make_meta(self, node: Node, index: int | None) -> TensorMeta | None:
        held = _example(node)
        if index is None:
            return _tensor_meta(held)
        if isinstance(held, (tuple, list)):
            return _tensor_meta(held[index]) if index < len(held) else None
        for user in node.users:
            if self.getitem(user) == (node, index):
                return self.meta(user)
        return None

    def output_count(self, node: Node) -> int | None:
        held = _example(node)
        if isinstance(held, (tuple, list)):
            return len(held)
        taken = [self.getitem(user) for user in node.users]
        indices = [each[1] for each in taken if each is not None and each[0] is node]
        return max(indices) + 1 if indices else None

    def is_scalar(self, node: Node) -> bool:
        return isinstance(_example(node), _NUMBERS)

    def is_output(self, node: Node) -> bool:
        return node.op == "output"

    def plain_schema(self, node: Node) -> Schema | None:
        plain = node in self._targets and node.target not in FUNCTIONALIZED
        return schema_of(_called(node)) if plain else None

    @cached_property
    def writers(self) -> Sequence[Node]:
        writing = (nodes for op, nodes in self._by_op.items() if schema_of(op).written)
        found = (node for nodes in writing for node in nodes if node.target not in FUNCTIONALIZED)
        return sorted(found, key=self.position)

    def made_by(self, node: Node) -> tuple[str, ...]:
        return tuple(node.meta.get("patdsl", ()))

    def scalar_key(self, value: Any) -> Hashable:
        if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
            return ("symbol", str(value.node.expr))
        return ("object", id(value))

    def name(self, node: Node) -> str:
        return node.name


def _by_op(nodes: Iterable[Node]) -> dict[Any, list[Node]]:
    """The nodes that call each overload, in graph order."""
    found: dict[Any, list[Node]] = {}
    for node in nodes:
        op = _called(node) if node.op == "call_function" else None
        if op is not None:
            found.setdefault(op, []).append(node)
    return found


def _called(node: Node) -> Any:
    """The overload that a node calls, inside `auto_functionalized` where it is that."""
    target: Any = node.target
    if isinstance(target, Op):
        return target
    if target in FUNCTIONALIZED:
        inner = node.args[0] if node.args else node.kwargs.get("_mutable_op")
        return inner if isinstance(inner, Op) else None
    if isinstance(target, torch._ops.OpOverloadPacket):
        return overload_of(target, len(node.args), frozenset(node.kwargs))
    return None


def _example(node: Node) -> Any:
    meta = node.meta
    for name in ("val", "example_value", "tensor_meta"):
        held = meta.get(name)
        if held is not None:
            return held
    return None


def _tensor_meta(held: Any) -> TensorMeta | None:
    if isinstance(held, torch.Tensor):
        strides = tuple(held.stride()) if held.layout is torch.strided else None
        dtype = FROM_TORCH.get(str(held.dtype).removeprefix("torch."))
        return None if dtype is None else TensorMeta(dtype, tuple(held.shape), strides, str(held.device))
    if isinstance(held, torch.fx.passes.shape_prop.TensorMetadata):
        dtype = FROM_TORCH.get(str(held.dtype).removeprefix("torch."))
        return None if dtype is None else TensorMeta(dtype, tuple(held.shape), tuple(held.stride), "")
    return None
