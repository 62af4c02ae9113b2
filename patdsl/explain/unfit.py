"""Why a node that calls the right torch op is not the declared op: its form fits no binding.

In: a step and the node. Out: a `Cause`, found by leaving out what a binding demands until the node fits.
"""

from __future__ import annotations

from typing import Any

import attrs

from patdsl.explain.cause import Cause
from patdsl.expr import EvaluationError, Lit, Ref, evaluate
from patdsl.match.bindings import as_declared
from patdsl.match.found import Value
from patdsl.match.protocol import Call
from patdsl.match.sites import Sites
from patdsl.op_table import AnyTensor, Give, Op, Param, Plain, Result, Step, Tensor, TorchCall, reached
from patdsl.resolved_to_text import expr_text


def unfit(sites: Sites, step: Step, node: Any) -> Cause:
    """What about the call at `node` no binding of the step's op allows."""
    name, target = sites.view.name(node), sites.view.target(node)
    reasons = [
        _reason(sites, op, binding, node)
        for op, binding in _bindings(sites, step.op)
        if binding.target == target
    ]
    if not reasons:
        return Cause(
            "form", f"'{name}' calls {target}, in a form that no binding of {step.op} has", step, (node,)
        )
    kind, reason, param = min(reasons, key=lambda each: _TELLING.index(each[0]))
    return Cause(kind, f"'{name}' calls {target}, but not as {step.op}: {reason}", step, (node,), param)


#: Kinds of causes, from the most telling to the least.
_TELLING = ("attribute", "type", "form")


def _bindings(sites: Sites, name: str) -> list[tuple[Op, TorchCall]]:
    """The torch bindings of an op, and those of the ops that declare it."""
    through = {id(each) for each in reached(name, sites.context.ops)}
    return [
        (op, each)
        for key in sites.context.ops
        if (op := sites.op(key)) is not None
        for each in op.bindings
        if isinstance(each, TorchCall) and (key == name or id(each) in through)
    ]


def _reason(sites: Sites, op: Op, binding: TorchCall, node: Any) -> tuple[str, str, str | None]:
    call = sites.values.call(node)
    if call is None:
        return "form", "its schema, or the form of the call, is not known", None
    if binding.guard is not None and sites.fits(op, attrs.evolve(binding, guard=None), node, call):
        return "form", f"the binding's guard `if {expr_text(binding.guard)}` does not hold", None
    absent = _absent(op, binding, call)
    if absent is not None:
        return "type", f"{absent} is none, which {op.name} does not allow", absent
    loose = _without_types(op)
    if sites.fits(loose, binding, node, call):
        return _type_reason(sites, op, binding, call)
    reached_names = set()
    for key, template in binding.args:
        argument = call.argument(key)
        if argument is None:
            continue
        reached_names.add(argument.name)
        if isinstance(template, Give) and not (
            isinstance(template.value, Ref) and template.value.name in op.param
        ):
            try:
                wanted = evaluate(template.value, sites.context.scope({}))
            except EvaluationError:
                continue
            if wanted != argument.value:
                text = f"{argument.name} is {argument.value!r}, the binding says {expr_text(template.value)}"
                return "attribute", text, argument.name
    for argument in call.arguments:
        if argument.name not in reached_names and not argument.is_default:
            text = f"{argument.name} is {argument.value!r}, and the binding leaves it at its default"
            return "attribute", text, argument.name
    return "form", "an operand is written, missing or of another kind than the binding says", None


def _absent(op: Op, binding: TorchCall, call: Call) -> str | None:
    """A parameter that is none though it may not be."""
    for key, template in binding.args:
        argument = call.argument(key)
        if argument is None or argument.value is not None or not isinstance(template, Give):
            continue
        param = op.param.get(template.value.name) if isinstance(template.value, Ref) else None
        if param is not None and not param.optional and param.default != Lit(None):
            return param.name
    return None


def _type_reason(sites: Sites, op: Op, binding: TorchCall, call: Call) -> tuple[str, str, str | None]:
    names = sites.names()
    for key, template in binding.args:
        argument = call.argument(key)
        if argument is None or not isinstance(template, Give) or not isinstance(template.value, Ref):
            continue
        param = op.param.get(template.value.name)
        if param is None:
            continue
        value = sites.operand(argument.value)
        if not (isinstance(value, Value) or isinstance(param.type, Plain)):
            continue
        reason = names.fit_type(param.type, as_declared(param, value))
        if reason is not None:
            return "type", f"{param.name}: {reason}", param.name
    return "type", "a result has another dtype or shape than declared", None


def _without_types(op: Op) -> Op:
    def loose(each: Any) -> Any:
        return attrs.evolve(each, type=AnyTensor()) if isinstance(each.type, Tensor) else each

    params: tuple[Param, ...] = tuple(map(loose, op.params))
    results: tuple[Result, ...] = tuple(map(loose, op.results))
    return attrs.evolve(op, params=params, results=results)
