"""A graph in functional form -> the same graph with its ops writing where they write.

In: an fx graph whose writing ops stand in `auto_functionalized` nodes, as a pass leaves them. Out: the graph as it runs
after Inductor has put them back: an op writes to its operand, which is copied first only where something reads the
operand's old value later. Raises NotInPlaceError for forms that Inductor makes of views.
"""

from __future__ import annotations

from typing import Any

import torch

from patdsl.runtime import torch_api
from patdsl.runtime.signature import signature_of
from patdsl.runtime.torch_api import Graph, Node


class NotInPlaceError(Exception):
    """An op cannot be put back; the message says which and why."""


def put_in_place(graph: Graph) -> None:
    """Rewrites `graph` itself."""
    for node in list(graph.nodes):
        if node.target in torch_api.FUNCTIONALIZED:
            _put_back(graph, node)
    graph.lint()


def _put_back(graph: Graph, node: Any) -> None:
    op = node.args[0]
    signature = signature_of(op)
    given = dict(node.kwargs)
    with graph.inserting_before(node):
        if node.target is torch_api.auto_functionalized:
            after = _first_form(graph, node, given, signature.written)
            first = max(1, signature.returns)
        elif "_all_bases" in given and any(f"_{name}_dtype" in given for name in signature.written):
            after, first = _out_form(graph, given, signature.written), 0
        else:
            after = _second_form(graph, node, given, signature.written)
            first = max(1, signature.returns)
        made = graph.call_function(op, (), given)
    if first == 0 and len(after) == 1:  # the node itself is the one result
        node.replace_all_uses_with(after[0])
    for user in list(node.users):
        index: Any = user.args[1]
        if index >= first:
            replacement = after[index - first]
        elif signature.returns == 1:
            replacement = made
        else:
            with graph.inserting_before(user):
                replacement = graph.call_function(torch_api.getitem, (made, index))
        user.replace_all_uses_with(replacement)
        graph.erase_node(user)
    graph.erase_node(node)


def _first_form(graph: Graph, node: Node, given: dict[str, Any], written: tuple[str, ...]) -> list[Any]:
    """The written operands in the order of the node's outputs, None for one that is none; `given` has them too."""
    for name in written:
        if given.get(name) is not None:
            given[name] = _own(graph, node, given[name])
    return [given.get(name) for name in written]


def _second_form(graph: Graph, node: Node, given: dict[str, Any], written: tuple[str, ...]) -> list[Any]:
    """The bases, which the node's outputs are; `given` has the operands in their places."""
    bases = [_own(graph, node, base) for base in given.pop("_all_bases", ())]
    for name in written:
        if f"_{name}_base_index" not in given:
            raise NotInPlaceError(f"{node.args[0]} writes to a list, {name}")
        index = given.pop(f"_{name}_base_index")
        given[name] = None if index is None else bases[index]
        if any(key.startswith((f"_{name}_size", f"_{name}_slice", f"_{name}_storage")) for key in given):
            raise NotInPlaceError(f"{node.args[0]} writes to a part of {name}")
    return bases


def _out_form(graph: Graph, given: dict[str, Any], written: tuple[str, ...]) -> list[Any]:
    """New buffers, which the call in functional form allocates itself."""
    given.pop("_all_bases")
    for name in written:
        size, stride, dtype, device = (
            given.pop(f"_{name}_{part}") for part in ("size", "stride", "dtype", "device")
        )
        kwargs = {"dtype": dtype, "device": device}
        given[name] = graph.call_function(torch.ops.aten.empty_strided.default, (size, stride), kwargs)
    return [given[name] for name in written]


def _own(graph: Graph, node: Node, operand: Node) -> Node:
    """The operand, or a copy of it where something reads it after `node`."""
    later, position = set(), node.next
    while position.op != "root":
        later.add(position)
        position = position.next
    if not later & set(operand.users):
        return operand
    return graph.call_function(torch.ops.aten.clone.default, (operand,))
