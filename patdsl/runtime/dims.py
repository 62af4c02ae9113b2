"""Symbolic dims as arguments of nodes.

In: ints and SymInts. Out: ints and nodes that compute the same number where the graph runs, never the number that
tracing happened to see. Looks first for a node that holds the symbol, then takes the size of a tensor that has the
dim, then computes it from the symbols in it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from patdsl.runtime.torch_api import (
    Add,
    CleanDiv,
    FloorDiv,
    Graph,
    Mod,
    Mul,
    Node,
    PythonMod,
    is_erased,
    is_symbolic,
    symbol_of,
)
from patdsl.runtime.values import tensor_of, value_of


class UnreachableDimError(ValueError):
    """No node and no tensor in reach has this dim."""


#: The dim that a reshape works out itself.
LEFT_OVER = -1

_OPERATIONS: tuple[tuple[tuple[Any, ...], Callable[..., Any]], ...] = (
    ((Add,), operator.add),
    ((Mul,), operator.mul),
    ((FloorDiv, CleanDiv), operator.floordiv),
    ((Mod, PythonMod), operator.mod),
)


class DimTable:
    """The nodes of a graph that hold a symbolic int, by expression. Looked up when first asked, kept for one round."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._nodes: dict[Any, list[Node]] | None = None

    def holders(self, expression: Any) -> Sequence[Node]:
        """Nodes whose value is `expression`, in the order they were met."""
        if self._nodes is None:
            self._nodes = {}
            for node in self._graph.nodes:
                self.add(node)
        return self._nodes.get(expression, ())

    def add(self, node: Node) -> None:
        """Take note of a node that has come new into the graph."""
        value = value_of(node)
        if self._nodes is not None and isinstance(value, torch.SymInt):
            self._nodes.setdefault(symbol_of(value), []).append(node)


class Dims:
    """Turns dims into arguments for nodes that stand in front of `before`.

    `reach` gives tensors that may be asked for their sizes; `make(target, args, value)` adds a node.
    """

    def __init__(
        self,
        table: DimTable,
        before: Node,
        reach: Callable[[], Iterable[Node]],
        make: Callable[[Callable[..., Any], tuple[Any, ...], Any], Node],
    ) -> None:
        self._table = table
        self._before = before
        self._reach = reach
        self._make = make

    def shape(self, dims: Sequence[Any]) -> list[Any]:
        """Arguments for a reshape: one dim that nothing in the graph holds is left to the reshape to work out."""
        found = [self._find(dim) for dim in dims]
        missing = [index for index, dim in enumerate(found) if dim is None]
        if len(missing) == 1 and all(not isinstance(dim, int) or dim > 0 for dim in found):
            found[missing[0]] = LEFT_OVER
            return found
        return [self._compute(dim) if seen is None else seen for dim, seen in zip(dims, found, strict=True)]

    def exactly(self, dims: Sequence[Any]) -> list[Any]:
        """Arguments for a buffer's dims or strides. Raises UnreachableDimError."""
        return [self.one(dim) for dim in dims]

    def one(self, dim: Any) -> Any:
        """A single number. Raises UnreachableDimError."""
        found = self._find(dim)
        return self._compute(dim) if found is None else found

    def _find(self, dim: Any) -> Any:
        """An int, or a node in front of `before` that holds the dim, or None."""
        if isinstance(dim, Node):
            return dim
        if not isinstance(dim, torch.SymInt):
            return int(dim)
        constant = dim.node.maybe_as_int()
        if constant is not None:
            return constant
        return self._holder(symbol_of(dim)) or self._sized(dim)

    def _holder(self, expression: Any) -> Node | None:
        for node in self._table.holders(expression):
            if not is_erased(node) and node < self._before:
                return node
        return None

    def _sized(self, dim: torch.SymInt) -> Node | None:
        expression = symbol_of(dim)
        for node in self._reach():
            tensor = tensor_of(node)
            if tensor is None or not node < self._before:
                continue
            for index, size in enumerate(tensor.shape):
                if is_symbolic(size) and symbol_of(size) == expression:
                    return self._make(torch.ops.aten.sym_size.int, (node, index), size)
        return None

    def _compute(self, dim: torch.SymInt) -> Node:
        """A node that computes `dim` from the symbols in it."""
        argument = self._expression(symbol_of(dim), dim)
        if not isinstance(argument, Node):
            raise UnreachableDimError(f"dim {dim} has no symbol in it")
        return argument

    def _expression(self, expression: Any, dim: torch.SymInt) -> Any:
        if expression.is_Integer:
            return int(expression)
        if expression.is_Symbol:
            return self._symbol(expression, dim)
        for kinds, function in _OPERATIONS:
            if isinstance(expression, kinds):
                return self._fold(function, expression, dim)
        raise UnreachableDimError(f"dim {dim} cannot be computed in the graph: no operation for {expression}")

    def _symbol(self, symbol: Any, dim: torch.SymInt) -> Node:
        node = self._holder(symbol)
        if node is not None:
            return node
        for tensor_node in self._reach():
            tensor = tensor_of(tensor_node)
            for size in tensor.shape if tensor is not None else ():
                if is_symbolic(size) and symbol_of(size) == symbol:
                    found = self._sized(size)  # type: ignore[arg-type]  # torch declares sizes as int
                    if found is not None:
                        return found
        raise UnreachableDimError(f"dim {dim}: no node in reach holds {symbol}")

    def _fold(self, function: Callable[..., Any], expression: Any, dim: torch.SymInt) -> Any:
        first, *rest = (self._expression(part, dim) for part in expression.args)
        for part in rest:
            first = self._binary(function, first, part)
        return first

    def _binary(self, function: Callable[..., Any], left: Any, right: Any) -> Any:
        values = [value_of(side) if isinstance(side, Node) else side for side in (left, right)]
        value = function(*values)
        if not isinstance(left, Node) and not isinstance(right, Node):
            return value
        return self._make(function, (left, right), value)
