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


def _put_back(graph: Graph, node: Node) -> None:
    op = node.args[0]
    signature = signature_of(op)
    given = dict(node.kwargs)
    bases: list[Any] = list(given.pop("_all_bases", ()))
    alone = False
    after: list[Node | None] = []  # the written operands, in the order of the node's further outputs
    with graph.inserting_before(node):
        for name in signature.written:
            if node.target is torch_api.auto_functionalized:
                after.append(_own(graph, node, given[name]) if given.get(name) is not None else None)
                given[name] = after[-1]
            elif f"_{name}_dtype" in given:
                given[name] = _buffer(graph, given, name)
                after.append(given[name])
                alone = len(signature.written) == 1
            elif f"_{name}_base_index" in given:
                index = given.pop(f"_{name}_base_index")
                if any(key.startswith((f"_{name}_size", f"_{name}_slice")) for key in given):
                    raise NotInPlaceError(f"{op} writes to a part of {name}")
                if index is not None and not isinstance(bases[index], _Taken):
                    bases[index] = _Taken(_own(graph, node, bases[index]))
                given[name] = None if index is None else bases[index].node
            else:
                raise NotInPlaceError(f"{op} writes to a list, {name}")
        made = graph.call_function(op, (), given)
    is_out = bool(after) and node.target is torch_api.auto_functionalized_v2
    if node.target is torch_api.auto_functionalized_v2 and not is_out:
        after = [base.node if isinstance(base, _Taken) else base for base in bases]
    first = 0 if is_out else max(1, signature.returns)
    if alone:
        node.replace_all_uses_with(after[0])
    for user in list(node.users):
        index = user.args[1]
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


class _Taken:
    """A base that may be written."""

    def __init__(self, node: Node) -> None:
        self.node = node


def _own(graph: Graph, node: Node, operand: Node) -> Node:
    """The operand, or a copy of it where something reads it after `node`."""
    later, position = set(), node.next
    while position.op != "root":
        later.add(position)
        position = position.next
    if not later & set(operand.users):
        return operand
    return graph.call_function(torch.ops.aten.clone.default, (operand,))


def _buffer(graph: Graph, given: dict[str, Any], name: str) -> Node:
    """The result that an `out` op allocates in the functional form."""
    size, stride, dtype, device = (
        given.pop(f"_{name}_{part}") for part in ("size", "stride", "dtype", "device")
    )
    kwargs = {"dtype": dtype, "device": device}
    return graph.call_function(torch.ops.aten.empty_strided.default, (size, stride), kwargs)
