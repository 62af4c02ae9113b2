"""What a match refers to, as arguments of nodes.

In: values of the graph, values of the right side, plain values. Out: nodes and what torch takes beside them. Views are
made where a value is needed with other dims, each once. Calls no declared op.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from patdsl.dtypes import Dtype
from patdsl.expr import UNKNOWN
from patdsl.match.found import Match, RightValue, Value
from patdsl.runtime.dims import Dims, DimTable
from patdsl.runtime.fake_results import EmitError
from patdsl.runtime.nodes import NewNodes
from patdsl.runtime.torch_api import Node
from patdsl.runtime.values import same, tensor_of, torch_dtype

Holder = Callable[[Value[Node]], "Node | None"]


class Operands:
    """The operands of one match. `holder` finds the node that holds a value, as the graph is now."""

    def __init__(
        self, match: Match[Node], new: NewNodes, before: Node, table: DimTable, holder: Holder
    ) -> None:
        self._match = match
        self._new = new
        self._before = before
        self._holder = holder
        self._views: dict[tuple[Node, tuple[str, ...]], Node] = {}
        self._made: dict[RightValue, Node] = {}
        self.dims = Dims(
            table, before, self._reach, lambda target, args, value: new.add(target, args, {}, value)
        )

    def define(self, value: RightValue, node: Node) -> None:
        """`node` holds this value of the right side."""
        self._made[value] = node

    def tensor(self, value: Any, branch: int | None = None) -> Node:
        """The node of a tensor. Raises EmitError where the value is none."""
        found = self.argument(value, branch)
        if not isinstance(found, Node):
            raise EmitError(f"{value!r} is no tensor")
        return found

    def argument(self, value: Any, branch: int | None = None) -> Any:
        """A value as an argument. Raises EmitError, or UnreachableDimError for a symbolic int that nothing holds."""
        if isinstance(value, RightValue):
            return self._right_value(value, branch)
        if isinstance(value, Value):
            return self._graph_value(value)
        if isinstance(value, Dtype):
            return torch_dtype(value)
        if isinstance(value, torch.SymInt):
            return self.dims.one(value)
        if isinstance(value, (torch.SymFloat, torch.SymBool)):
            raise EmitError(f"the symbolic number {value} cannot be passed on")
        if isinstance(value, (tuple, list)):
            return [self.argument(item, branch) for item in value]
        if value is UNKNOWN:
            raise EmitError("an argument is not statically known")
        return value

    def example(self, value: Any) -> torch.Tensor | None:
        """The fake tensor behind a value, if it is a tensor."""
        node: Any = value
        if isinstance(value, Value):
            node = self._holder(value)
        elif isinstance(value, RightValue):
            node = self._made.get(value)
        return tensor_of(node) if isinstance(node, Node) else None

    def reshape(self, node: Node, dims: Sequence[Any]) -> Node:
        """`node` with these dims: itself if it has them."""
        tensor = tensor_of(node)
        if tensor is not None and same(tuple(tensor.shape), tuple(dims)):
            return node
        key = (node, tuple(map(str, dims)))
        if key not in self._views:
            self._views[key] = self._new.call(torch.ops.aten.reshape.default, (node, self.dims.shape(dims)))
        return self._views[key]

    def _right_value(self, value: RightValue, branch: int | None) -> Node:
        for candidate in (value, RightValue(value.name, branch), RightValue(value.name)):
            if candidate in self._made:
                return self._made[candidate]
        raise EmitError(f"'{value.name}' is used before it is made")

    def _graph_value(self, value: Value[Node]) -> Node:
        node = self._holder(value)
        if node is None:
            raise EmitError(f"{value.producer.name} has no node that stands in front of {self._before.name}")
        return self.reshape(node, value.meta.dims) if value.viewed and value.meta is not None else node

    def _reach(self) -> Iterable[Node]:
        """Tensors whose sizes may be asked for: what the match leaves alive, then what was made already."""
        leaving = self._leaving()
        for value in self._match.names.values():
            stays = isinstance(value, Value) and value.producer not in leaving
            node = self._holder(value) if stays else None
            if node is not None:
                yield node
        yield from tuple(self._new.added)

    def _leaving(self) -> set[Node]:
        """What dies, and the free ops of the left side that read it."""
        leaving = set(self._match.dying)
        free = [site for site in self._match.sites if not site.nodes]
        for _ in free:
            for site in free:
                if any(isinstance(arg, Value) and arg.producer in leaving for arg in site.args.values()):
                    leaving.update(value.producer for value in site.results.values())
        return leaving
