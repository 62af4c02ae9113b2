"""New nodes in a graph: with their fake values, their provenance, and a way back.

In: an fx graph, the node in front of which to stand, the nodes that give way. Out: nodes that hold what a traced graph
would hold in `meta`. Everything added can be taken out again. Knows nothing of patterns' contents.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from torch.fx.node import map_aggregate

from patdsl.runtime import torch_api
from patdsl.runtime.fake_results import EmitError, FakeResults
from patdsl.runtime.torch_api import Graph, Node
from patdsl.runtime.values import value_of

#: Key of `node.meta`: full names of the patterns whose rewrites made the node.
MADE_BY = "patdsl"


class NewNodes:
    """Adds nodes in front of `before`, in order; `undo` takes them all out.

    `old` are the nodes that give way: the first is where stack trace and module path are taken from. `made_by` are the
    names of the patterns for `meta["patdsl"]`.
    """

    def __init__(
        self, graph: Graph, fakes: FakeResults, before: Node, old: tuple[Node, ...], made_by: tuple[str, ...]
    ) -> None:
        self._graph = graph
        self._before = before
        self._meta = _inherited(old, made_by)
        self.fakes = fakes
        self.added: list[Node] = []

    def call(
        self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
    ) -> Node:
        """A node that calls `target`, with the value that its fake implementation gives. Raises EmitError."""
        kwargs = kwargs or {}
        value_args, value_kwargs = map_aggregate((args, kwargs), _value)
        value = self.fakes.of(target, value_args, value_kwargs)
        node = self.add(target, args, kwargs, value)
        if torch_api.needs_exact_strides(target, args, kwargs):
            node.meta["eager_input_vals"] = (value_args, value_kwargs)
        return node

    def add(
        self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], value: Any
    ) -> Node:
        """A node whose value is known."""
        with self._graph.inserting_before(self._before):
            node = self._graph.call_function(target, args, kwargs)
        node.meta.update(self._meta)
        node.meta["val"] = value
        self.added.append(node)
        return node

    def undo(self) -> None:
        """Take every added node out of the graph."""
        for node in reversed(self.added):
            self._graph.erase_node(node)
        self.added.clear()


def take(new: NewNodes, source: Node, index: int) -> Node:
    """`source[index]`."""
    values = source.meta["val"]
    if not isinstance(values, (tuple, list)) or index >= len(values):
        raise EmitError(f"{source.name} has no output {index}")
    return new.add(operator.getitem, (source, index), {}, values[index])


def _value(item: Any) -> Any:
    if not isinstance(item, Node):
        return item
    value = value_of(item)
    if value is None:
        raise EmitError(f"the type of {item.name} is not recorded in the graph")
    return value


def _inherited(old: tuple[Node, ...], made_by: tuple[str, ...]) -> dict[str, Any]:
    """What new nodes take over from the nodes that give way."""
    meta: dict[str, Any] = {}
    if old:
        first = old[0].meta
        meta.update((field, first[field]) for field in torch_api.COPIED_FIELDS if field in first)
        if "stack_trace" in first:
            meta["stack_trace"] = first["stack_trace"]
    entries = torch_api.sources(old, made_by[-1])
    if entries:
        meta["from_node"] = entries
    before = dict.fromkeys(name for node in old for name in node.meta.get(MADE_BY, ()))
    meta[MADE_BY] = (*(name for name in before if name not in made_by), *made_by)
    return meta
