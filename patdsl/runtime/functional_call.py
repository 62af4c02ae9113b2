"""One call of a torch op in the form that a functional graph has.

In: the op, its arguments by schema name, nodes and plain values. Out: a node, and where each return and each written
argument is found. Ops that only read are called directly; ops that write go through `auto_functionalized`, first or
second form. Chooses no binding and knows nothing of declared ops.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from patdsl.runtime import torch_api
from patdsl.runtime.buffers import Buffer
from patdsl.runtime.fake_results import EmitError
from patdsl.runtime.inline import inline, is_taken_apart
from patdsl.runtime.nodes import NewNodes, take
from patdsl.runtime.signature import signature_of
from patdsl.runtime.torch_api import Node, OpOverload


@attrs.define
class Called:
    """A node that calls `op`: asks for its outputs make getitems, each once."""

    new: NewNodes
    op: OpOverload
    node: Node
    #: Written argument -> output of the node; None: the node itself.
    written: Mapping[str, int | None] = attrs.Factory(dict)
    #: Outputs that have a node already.
    taken: dict[int, Node] = attrs.Factory(dict)

    def result(self, index: int) -> Node:
        """Return `index` of the schema."""
        signature = signature_of(self.op)
        return self.node if signature.returns == 1 and not signature.is_mutable else self.output(index)

    def after(self, argument: str) -> Node:
        """The value of a written argument after the call."""
        index = self.written[argument]
        return self.node if index is None else self.output(index)

    def output(self, index: int) -> Node:
        if index not in self.taken:
            self.taken[index] = take(self.new, self.node, index)
        return self.taken[index]


def call(new: NewNodes, op: OpOverload, arguments: Mapping[str, Any], second_form: bool) -> Called:
    """Call `op` with `arguments` by schema name: nodes, `Buffer`s, plain values. The others are at their defaults.

    Raises EmitError.
    """
    if not signature_of(op).is_mutable:
        args, kwargs = _positional(op, arguments)
        if is_taken_apart(op):
            results = inline(new, op, args, kwargs)
            return Called(new, op, results[0], taken=dict(enumerate(results)))
        return Called(new, op, new.call(op, args, kwargs))
    if not torch_api.can_auto_functionalize(op):
        raise EmitError(f"{op} writes its arguments in a way that has no functional form")
    complete = _complete(op, arguments)
    if second_form and torch_api.takes_out_shapes(op):
        return _out_form(new, op, complete)
    complete = {
        name: value.allocate(new) if isinstance(value, Buffer) else value for name, value in complete.items()
    }
    if not second_form:
        return _first_form(new, op, complete)
    return _second_form(new, op, complete)


def _complete(op: OpOverload, arguments: Mapping[str, Any]) -> dict[str, Any]:
    complete = {}
    for parameter in signature_of(op).parameters:
        if parameter.name in arguments:
            complete[parameter.name] = arguments[parameter.name]
        elif parameter.has_default:
            complete[parameter.name] = parameter.default
        else:
            raise EmitError(f"{op} needs an argument '{parameter.name}' that its binding does not give")
    return complete


def _positional(op: OpOverload, arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """As tracing writes a call: by position without the defaults at the end, keyword-only ones by name."""
    complete = _complete(op, arguments)
    parameters = signature_of(op).parameters
    positional = [each.name for each in parameters if not each.kwarg_only]
    while positional and positional[-1] not in arguments:
        positional.pop()
    kwargs = {
        each.name: arguments[each.name] for each in parameters if each.kwarg_only and each.name in arguments
    }
    return tuple(complete[name] for name in positional), kwargs


def _first_form(new: NewNodes, op: OpOverload, complete: dict[str, Any]) -> Called:
    node = new.call(torch_api.auto_functionalized, (op,), complete)
    start = max(1, signature_of(op).returns)
    return Called(new, op, node, {name: start + at for at, name in enumerate(signature_of(op).written)})


def _second_form(new: NewNodes, op: OpOverload, complete: dict[str, Any]) -> Called:
    """Written arguments move into `_all_bases`; each argument says which base it is."""
    bases: dict[Node, int] = {}
    kwargs = dict(complete)
    start = max(1, signature_of(op).returns)
    written: dict[str, int | None] = {}
    for name in signature_of(op).written:
        operand = kwargs.pop(name)
        if operand is None:
            kwargs[f"_{name}_base_index"] = None
        elif isinstance(operand, Node):
            kwargs[f"_{name}_base_index"] = bases.setdefault(operand, len(bases))
            written[name] = start + bases[operand]
        else:
            kwargs[f"_{name}_length"] = len(operand)
            for at, item in enumerate(operand):
                kwargs[f"_{name}_{at}_base_index"] = bases.setdefault(item, len(bases))
    node = new.call(torch_api.auto_functionalized_v2, (op,), {**kwargs, "_all_bases": list(bases)})
    return Called(new, op, node, written)


def _out_form(new: NewNodes, op: OpOverload, complete: dict[str, Any]) -> Called:
    """The buffers of an `out` op are given by their types; the node's outputs are the buffers."""
    kwargs = dict(complete)
    names = signature_of(op).written
    for name in names:
        buffer = kwargs.pop(name)
        if not isinstance(buffer, Buffer):
            raise EmitError(f"{op} only writes '{name}', which its binding does not give as 'out'")
        kwargs[f"_{name}_size"] = list(buffer.dims)
        kwargs[f"_{name}_stride"] = list(buffer.strides)
        kwargs[f"_{name}_dtype"] = buffer.dtype
        kwargs[f"_{name}_device"] = buffer.device
    node = new.call(torch_api.auto_functionalized_v2, (op,), {**kwargs, "_all_bases": []})
    alone = len(names) == 1
    return Called(new, op, node, {name: None if alone else at for at, name in enumerate(names)})
