"""The matcher's graph protocol over a printed graph. See `GraphView` for the methods.

In: a `PrintedGraph` and the declared ops, whose bindings tell the schemas of ops that are not known by heart. Out:
`PrintedView`. What the text does not say is taken for the worse: an op of unknown schema whose result nobody reads, or
whose name ends with `_`, writes its operands, since torch removes what has no effect and no reader.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from patdsl.match.found import TensorMeta
from patdsl.match.functionalized import functionalized_call
from patdsl.match.memory import Memory
from patdsl.match.protocol import Call, Handle
from patdsl.match.schema import Schema, normal_call
from patdsl.printed.schemas import Schemas
from patdsl.printed.sizes import Size
from patdsl.printed.text_to_graph import PrintedGraph, PrintedNode


class PrintedView(Memory[PrintedNode]):
    """One printed graph."""

    def __init__(self, graph: PrintedGraph, schemas: Schemas) -> None:
        super().__init__()
        self.nodes: Sequence[PrintedNode] = graph.nodes
        self._schemas = schemas
        self._by_target: dict[str, list[PrintedNode]] = {}
        for node in self.nodes:
            if node.target is not None:
                self._by_target.setdefault(node.target, []).append(node)
        self._calls: dict[PrintedNode, Call | None] = {}

    def position(self, node: PrintedNode) -> int:
        return node.position

    @property
    def targets(self) -> Iterable[str]:
        return self._by_target

    def by_target(self, target: str) -> Sequence[PrintedNode]:
        return self._by_target.get(target, ())

    def target(self, node: PrintedNode) -> str | None:
        return node.target

    def call(self, node: PrintedNode) -> Call | None:
        if node not in self._calls:
            self._calls[node] = self._make_call(node)
        return self._calls[node]

    def _make_call(self, node: PrintedNode) -> Call | None:
        schema = self._schemas.of(node)
        if schema is None:
            return None
        if node.functionalized:
            given = {name: self._operand(value) for name, value in node.kwargs.items() if name[:4] != "_op_"}
            try:
                return functionalized_call(node.functionalized, schema, given, self.meta)
            except (LookupError, TypeError, AttributeError):
                return None  # a text that torch did not print
        return normal_call(schema, node.args, node.kwargs, self._operand, self.meta)

    def _operand(self, value: Any) -> Any:
        if isinstance(value, PrintedNode):
            return value.held if self.is_scalar(value) else Handle(value)
        return tuple(map(self._operand, value)) if isinstance(value, tuple) else value

    def given(self, node: PrintedNode) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        return self._operand(node.args), {name: self._operand(each) for name, each in node.kwargs.items()}

    def getitem(self, node: PrintedNode) -> tuple[PrintedNode, int] | None:
        return node.taken

    def users(self, node: PrintedNode) -> Sequence[PrintedNode]:
        return list(node.users)

    def inputs(self, node: PrintedNode) -> Sequence[PrintedNode]:
        return node.inputs

    def meta(self, node: PrintedNode, index: int | None = None) -> TensorMeta | None:
        if index is None:
            return node.held if isinstance(node.held, TensorMeta) else None
        return next((self.meta(user) for user in node.users if user.taken == (node, index)), None)

    def output_count(self, node: PrintedNode) -> int | None:
        call = self.call(node)
        if call is not None and not call.after and call.returns != ("list",):
            return len(call.returns) if len(call.returns) > 1 else None
        parts = call and _parts(call, self)
        if isinstance(parts, int):
            return parts
        taken = [user.taken[1] for user in node.users if user.taken is not None and user.taken[0] is node]
        return max(taken) + 1 if taken else None

    def is_scalar(self, node: PrintedNode) -> bool:
        return isinstance(node.held, (int, float, Size))

    def is_output(self, node: PrintedNode) -> bool:
        return node.is_output

    def plain_schema(self, node: PrintedNode) -> Schema | None:
        return None if node.functionalized else self._schemas.of(node)

    def mutates(self, node: PrintedNode) -> Sequence[PrintedNode]:
        if node.target is None or node.functionalized or self._schemas.of(node) is not None:
            return super().mutates(node)
        name = node.target.partition("::")[2].partition(".")[0]
        return node.inputs if not node.users or (name[-1:] == "_" and name[-2:] != "__") else ()

    @cached_property
    def writers(self) -> Sequence[PrintedNode]:
        return [node for node in self.nodes if self.mutates(node)]

    def made_by(self, node: PrintedNode) -> tuple[str, ...]:
        return ()

    def scalar_key(self, value: Any) -> Hashable:
        return ("symbol", str(value)) if isinstance(value, Size) else ("object", id(value))

    def name(self, node: PrintedNode) -> str:
        return node.name


def _parts(call: Call, view: PrintedView) -> Any:
    """How many tensors a split makes; None where the text does not say."""
    first, *more = (argument.value for argument in call.arguments)
    meta = view.meta(first.node) if isinstance(first, Handle) else None
    if not more or not call.target.startswith(("aten::split", "aten::unbind", "aten::chunk")):
        return None
    if isinstance(more[0], tuple):
        return len(more[0])
    dim = more[-1]
    if meta is None or not isinstance(dim, int) or not -len(meta.dims) <= dim < len(meta.dims):
        return None
    size = meta.dims[dim]
    if call.target == "aten::unbind.int":
        return size
    if not isinstance(more[0], int) or not isinstance(size, int) or more[0] < 1:
        return None
    each = more[0] if call.target == "aten::split.Tensor" else -(-size // more[0])
    return -(-size // each) if each else None
