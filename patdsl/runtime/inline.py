"""Ops that Inductor has taken apart before a post-grad pass runs, and would not know afterwards.

In: a call of such an op (`aten.zeros_like`, `aten._to_copy`). Out: the nodes that Inductor's own decomposition makes of
it. Only for ops of the right side that are not kernels; a kernel has no decomposition.
"""

from __future__ import annotations

from typing import Any

from torch.fx.node import map_aggregate, map_arg

from patdsl.runtime import torch_api
from patdsl.runtime.fake_results import EmitError
from patdsl.runtime.nodes import NewNodes
from patdsl.runtime.torch_api import Node, OpOverload
from patdsl.runtime.values import value_of


def is_taken_apart(op: OpOverload) -> bool:
    """Whether Inductor decomposes the op before post-grad passes."""
    return op in torch_api.decompositions()


def inline(new: NewNodes, op: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Node]:
    """The op's results, one node each. Raises EmitError."""
    inputs: dict[Node, None] = {}

    def note(node: Node) -> Node:
        inputs[node] = None
        return node

    map_arg((args, kwargs), note)
    places = {node: at for at, node in enumerate(inputs)}

    def run(*values: Any) -> Any:
        filled_args, filled_kwargs = map_aggregate(
            (args, kwargs), lambda item: values[places[item]] if isinstance(item, Node) else item
        )
        return op(*filled_args, **filled_kwargs)

    try:
        with torch_api.propagating(new.fakes.mode()):
            graph = torch_api.traced(run, [value_of(node) for node in inputs])
    except Exception as error:
        raise EmitError(f"{op} cannot be taken apart: {error}") from error
    made: dict[Node, Node] = {}
    sources = iter(inputs)
    for node in graph.nodes:
        if node.op == "placeholder":
            made[node] = next(sources)
        elif node.op == "call_function":
            filled = map_arg((node.args, node.kwargs), made.__getitem__)
            made[node] = new.add(node.target, *filled, node.meta.get("val"))
        elif node.op == "output":
            (results,) = node.args
            return [made[each] for each in (results if isinstance(results, (tuple, list)) else [results])]
        else:
            raise EmitError(f"{op} needs a constant of its own")
    raise EmitError(f"{op} has no result")
