"""A declared op called through one of its bindings.

In: the op, the chosen binding, its arguments (values of the graph and of the right side, plain values). Out: for each
result, a function that makes the node which holds it. Fills the binding's template: buffers, in-place operands,
scratch, nested calls, literals.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs
import torch

from patdsl.dtypes import Dtype
from patdsl.expr import UNKNOWN, Expr, Items, Ref, Scope, evaluate
from patdsl.match.context import Context
from patdsl.match.found import TensorMeta
from patdsl.op_table import (
    DtypeOf,
    DtypeVar,
    Give,
    Mut,
    Nested,
    NoDefault,
    Op,
    Out,
    Plain,
    Same,
    Temp,
    TemplateArg,
    Tensor,
    TorchCall,
)
from patdsl.runtime.buffers import Buffer, buffer_of
from patdsl.runtime.fake_results import EmitError
from patdsl.runtime.functional_call import Called, call
from patdsl.runtime.nodes import NewNodes, take
from patdsl.runtime.operands import Operands
from patdsl.runtime.signature import signature_of
from patdsl.runtime.torch_api import Node, OpOverload
from patdsl.runtime.torch_ops import find_op
from patdsl.runtime.values import ask

Results = dict[str, Callable[[], Node]]


@attrs.frozen
class Caller:
    """What every call of one match shares. `second_form` is the form for ops that write."""

    new: NewNodes
    operands: Operands
    context: Context
    second_form: bool

    def scope(self, names: Mapping[str, Any]) -> Scope:
        """A scope in which tensors answer questions about themselves."""

        def about(question: str, value: Any, *more: Any) -> Any:
            return ask(question, self.operands.example(value), *more)

        return self.context.scope(names, about)


@attrs.frozen
class Template:
    """One call. `arguments` has every parameter of `op`; `names` its dims, dtype variables and parameters.

    `branch` tells which branch's right values are meant. `outs` gives for a result the type and the strides that its
    buffer is to have; strides None for row-major.
    """

    caller: Caller
    op: Op
    binding: TorchCall
    arguments: Mapping[str, Any]
    names: Mapping[str, Any]
    branch: int | None = None
    outs: Mapping[str, tuple[TensorMeta, tuple[Any, ...] | None]] = attrs.Factory(dict)

    def emit(self) -> Results:
        """Add the call to the graph. Raises EmitError, UnreachableDimError or EvaluationError."""
        torch_op = find_op(self.binding.target)
        if torch_op is None:
            raise EmitError(f"{self.binding.target} is not registered")
        given = {_schema_name(torch_op, key): self._argument(argument) for key, argument in self.binding.args}
        return self._results(call(self.caller.new, torch_op, given, self.caller.second_form))

    # arguments

    def _argument(self, argument: TemplateArg) -> Any:
        if isinstance(argument, Give):
            return self._given(argument.value)
        if isinstance(argument, (Mut, Same)):
            return self.caller.operands.tensor(self.arguments[argument.param], self.branch)
        if isinstance(argument, Out):
            meta, strides = self._out(argument)
            return self._buffer(meta, strides, argument.view_as)
        if isinstance(argument, Temp):
            return self._buffer(self._scratch(argument.type), None, None)
        return self._nested(argument)

    def _given(self, expr: Expr) -> Any:
        if isinstance(expr, Ref) and expr.name in self.arguments:
            value = self.arguments[expr.name]
        else:
            value = evaluate(expr, self._scope())
        return self.caller.operands.argument(value, self.branch)

    def _scope(self) -> Scope:
        return self.caller.scope(ChainMap(dict(self.arguments), dict(self.names)))

    def _out(self, argument: Out) -> tuple[TensorMeta, tuple[Any, ...] | None]:
        if argument.result not in self.outs:
            raise EmitError(
                f"no buffer can be made for '{argument.result}' of '{self.op.name}': its type is not known"
            )
        return self.outs[argument.result]

    def _buffer(self, meta: TensorMeta, strides: tuple[Any, ...] | None, view_as: Dtype | None) -> Buffer:
        return buffer_of(self.caller.new, self.caller.operands.dims, meta, strides, view_as)

    def _scratch(self, declared: Tensor) -> TensorMeta:
        scope = self._scope()
        dims = evaluate(Items(declared.dims), scope)
        dtype: Any = declared.dtype
        if isinstance(dtype, (DtypeVar, DtypeOf)):
            dtype = scope.names.get(dtype.name if isinstance(dtype, DtypeVar) else dtype.parameter)
        if dims is UNKNOWN or not isinstance(dtype, Dtype):
            raise EmitError(f"the type of a scratch buffer of '{self.op.name}' is not known")
        return TensorMeta(dtype, tuple(dims), None, self._device())

    def _device(self) -> str:
        for value in self.arguments.values():
            tensor = self.caller.operands.example(value)
            if tensor is not None:
                return str(tensor.device)
        raise EmitError(f"'{self.op.name}' has no tensor argument to say where its scratch buffer is to be")

    def _nested(self, nested: Nested) -> Node:
        """The first result of a declared op that is called inside this template."""
        context = self.caller.context
        op = context.ops[nested.op]
        arguments = {name: self._inner(argument) for name, argument in nested.args}
        for param in op.params:
            if param.name not in arguments:
                if isinstance(param.default, NoDefault):
                    raise EmitError(f"'{op.name}' needs its parameter '{param.name}'")
                arguments[param.name] = evaluate(param.default, context.scope({}))
        binding = self._choose(op, arguments)
        results = Template(self.caller, op, binding, arguments, {}, self.branch).emit()
        return results[op.results[0].name]()

    def _inner(self, argument: TemplateArg) -> Any:
        if isinstance(argument, Give):
            if isinstance(argument.value, Ref) and argument.value.name in self.arguments:
                return self.arguments[argument.value.name]
            return evaluate(argument.value, self._scope())
        made = self._argument(argument)
        return made.allocate(self.caller.new) if isinstance(made, Buffer) else made

    def _choose(self, op: Op, arguments: Mapping[str, Any]) -> TorchCall:
        context = self.caller.context
        for binding in op.bindings:
            if not isinstance(binding, TorchCall) or not context.exists(binding.target):
                continue
            on = binding.targets
            if on and not any(context.matches_target(each.name, each.or_newer) for each in on):
                continue
            if binding.guard is None or evaluate(binding.guard, self.caller.scope(arguments)) is True:
                return binding
        raise EmitError(f"no binding of '{op.name}' can be called here")

    # results

    def _results(self, called: Called) -> Results:
        results: Results = {}
        for index, name in enumerate(self.binding.results):
            if name is None:
                continue
            declared = self.op.result[name].type
            if isinstance(declared, Plain) and declared.is_list:
                results.update(self._parts(name, called.result(index)))
            else:
                results[name] = partial(called.result, index)
        for key, argument in self.binding.args:
            if isinstance(argument, (Out, Mut)) and argument.result is not None:
                results[argument.result] = partial(
                    self._after, called, _schema_name(called.op, key), argument
                )
        return results

    def _parts(self, name: str, whole: Node) -> Results:
        """`parts.0`, `parts.1`, ... of a result that is a list of tensors."""
        count = len(whole.meta["val"])
        return {f"{name}.{at}": partial(take, self.caller.new, whole, at) for at in range(count)}

    def _after(self, called: Called, name: str, argument: Out | Mut) -> Node:
        """The node that holds a written argument after the call."""
        if name not in signature_of(called.op).written:
            raise EmitError(f"the schema of {called.op} does not say that it writes '{name}'")
        node = called.after(name)
        if isinstance(argument, Out) and argument.view_as is not None:
            meta, _ = self._out(argument)
            dtype = self.caller.operands.argument(meta.dtype)
            return self.caller.new.call(torch.ops.aten.view.dtype, (node, dtype))
        return node


def _schema_name(torch_op: OpOverload, key: int | str) -> str:
    """The schema's name of an argument that a template gives by position or name."""
    if isinstance(key, str):
        return key
    parameters = signature_of(torch_op).parameters
    if key >= len(parameters):
        raise EmitError(f"{torch_op} takes {len(parameters)} arguments, its binding gives more")
    return parameters[key].name
