"""The right side of a match as new nodes.

In: a `Match` whose right side is resolved. Out: for each `Replaced`, the node that takes the old value's place, in the
graph and with its type known. Redirects nothing and erases nothing.
"""

from __future__ import annotations

from typing import Any

from patdsl.expr import EvaluationError
from patdsl.match.context import Context
from patdsl.match.found import Match, Replaced, RightValue, TensorMeta, TypedCall, TypedView
from patdsl.runtime.buffers import strides_as
from patdsl.runtime.dims import DimTable, UnreachableDimError
from patdsl.runtime.fake_results import EmitError
from patdsl.runtime.nodes import NewNodes
from patdsl.runtime.operands import Holder, Operands
from patdsl.runtime.template import Caller, Template
from patdsl.runtime.torch_api import Node
from patdsl.runtime.values import tensor_of


class Emitter:
    """Emits one match in front of `before`."""

    def __init__(
        self,
        match: Match[Node],
        context: Context,
        new: NewNodes,
        before: Node,
        table: DimTable,
        holder: Holder,
        second_form: bool,
    ) -> None:
        self._match = match
        self._operands = Operands(match, new, before, table, holder)
        self._caller = Caller(new, self._operands, context, second_form)
        self._replaced = {each.new: each for each in match.replaced if isinstance(each.new, RightValue)}

    def run(self) -> list[Node]:
        """The new node for each of `match.replaced`, in order. Raises EmitError, and leaves what was added by then."""
        try:
            for step in self._match.right:
                if isinstance(step, TypedView):
                    self._view(step)
                else:
                    self._call(step)
            return [self._new_value(replaced) for replaced in self._match.replaced]
        except (EvaluationError, UnreachableDimError) as error:
            raise EmitError(str(error)) from error

    def fit(self, node: Node, holder: Node) -> Node:
        """`node` with the dims of `holder`."""
        tensor = tensor_of(holder)
        return node if tensor is None else self._operands.reshape(node, tuple(tensor.shape))

    def _view(self, step: TypedView[Node]) -> None:
        source = self._operands.tensor(step.source, step.branch)
        self._operands.define(
            RightValue(step.step.value, step.branch), self._operands.reshape(source, step.dims)
        )

    def _call(self, step: TypedCall[Node]) -> None:
        arguments: dict[str, Any] = dict(step.args)
        for name, dims in step.flatten.items():
            source = self._operands.tensor(step.args[name], step.branch)
            arguments[name] = self._operands.reshape(source, dims)
        outs = {
            result: (meta, self._strides(step, result, meta))
            for result, meta in step.results.items()
            if meta is not None
        }
        template = Template(self._caller, step.op, step.binding, arguments, step.names, step.branch, outs)
        made = template.emit()
        for result, name in step.step.results:
            if result in made:
                self._operands.define(RightValue(name, step.branch), made[result]())

    def _strides(self, step: TypedCall[Node], result: str, meta: TensorMeta) -> tuple[Any, ...] | None:
        """What a buffer for this result is strided like: the value that it replaces, else what is declared."""
        name = dict(step.step.results).get(result)
        replaced = self._replaced.get(RightValue(name, step.branch)) if name is not None else None
        old = tensor_of(replaced.old.holders[0]) if replaced is not None and replaced.old.holders else None
        if old is not None:
            return strides_as(old, meta.dims)
        return meta.strides

    def _new_value(self, replaced: Replaced[Node]) -> Node:
        node = self._operands.tensor(replaced.new)
        return node if replaced.view_as is None else self._operands.reshape(node, replaced.view_as)
