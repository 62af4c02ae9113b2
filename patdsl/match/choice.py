"""Which binding of an op the right side calls.

In: an op, its arguments, and its names. Out: the first torch binding that exists in the process, is for the
current target and whose guard holds; for an op declared by another op, that op's. Or a sentence saying why
there is none. Native blocks are never called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from patdsl.expr import EvaluationError, Expr, Ref, Scope, evaluate
from patdsl.match.sites import Sites
from patdsl.op_table import DeclaredCall, Give, Native, NoDefault, On, Op, TorchCall


@attrs.frozen
class Chosen:
    """The op to call and its torch binding. `params` and `results` map the names of the op that the pattern
    calls to those of this one; `args` and `names` are this one's.
    """

    op: Op
    binding: TorchCall
    args: Mapping[str, Any]
    names: Mapping[str, Any]
    params: Mapping[str, str]
    results: Mapping[str, str]


#: Names of an op called with these arguments, or why it does not take them. The last argument maps the
#: parameters of the op that the pattern calls to this op's.
Fit = Callable[[Op, Mapping[str, Any], Mapping[str, str]], "Mapping[str, Any] | str"]


def choose(
    sites: Sites, op: Op, args: Mapping[str, Any], names: Mapping[str, Any], scope: Scope, fit: Fit
) -> Chosen | str:
    """The binding to call with these arguments, or why there is none."""
    reasons: list[str] = []
    for binding in op.bindings:
        if isinstance(binding, Native):
            continue
        if not on_target(sites, binding.targets):
            reasons.append(f"{_name(binding)} is not for {sites.context.target}")
        elif isinstance(binding, TorchCall) and not sites.context.exists(binding.target):
            reasons.append(f"{binding.target} is not registered")
        elif not _holds(binding.guard, scope):
            reasons.append(f"{_name(binding)} has a guard that is not known to hold")
        elif isinstance(binding, TorchCall):
            same = {param.name: param.name for param in op.params}
            return Chosen(op, binding, args, names, same, {result.name: result.name for result in op.results})
        else:
            inner = _declared(sites, binding, args, scope, fit)
            if not isinstance(inner, str):
                return inner
            reasons.append(inner)
    return f"{op.name} cannot be called: " + ("; ".join(reasons) or "it has no torch binding")


def on_target(sites: Sites, targets: tuple[On, ...]) -> bool:
    """No targets: everywhere."""
    return not targets or any(sites.context.matches_target(on.name, on.or_newer) for on in targets)


def _holds(guard: Expr | None, scope: Scope) -> bool:
    if guard is None:
        return True
    try:
        return evaluate(guard, scope) is True
    except EvaluationError:
        return False


def _declared(
    sites: Sites, binding: DeclaredCall, args: Mapping[str, Any], scope: Scope, fit: Fit
) -> Chosen | str:
    """The binding of the op that `op` is declared by, with its arguments computed from these."""
    inner = sites.op(binding.op)
    if inner is None:
        return f"no op '{binding.op}' is declared"
    given: dict[str, Any] = {}
    params: dict[str, str] = {}
    for name, template in binding.args:
        if not isinstance(template, Give):
            return f"{binding.op} is called with a buffer, which only a torch op takes"
        if isinstance(template.value, Ref) and template.value.name in args:
            given[name] = args[template.value.name]
            params[template.value.name] = name
            continue
        try:
            given[name] = evaluate(template.value, scope)
        except EvaluationError as error:
            return f"{binding.op}.{name}: {error}"
    for param in inner.params:
        if param.name not in given:
            if isinstance(param.default, NoDefault):
                return f"{binding.op} takes '{param.name}'"
            given[param.name] = evaluate(param.default, scope)
    names = fit(inner, given, params)
    if isinstance(names, str):
        return f"{binding.op}: {names}"
    chosen = choose(sites, inner, given, names, attrs.evolve(scope, names={**scope.names, **names}), fit)
    if isinstance(chosen, str):
        return chosen
    ours = {own: other for other, own in binding.results}
    return attrs.evolve(
        chosen,
        params={own: chosen.params[other] for own, other in params.items() if other in chosen.params},
        results={own: chosen.results[other] for own, other in ours.items() if other in chosen.results},
    )


def _name(binding: TorchCall | DeclaredCall) -> str:
    return binding.target if isinstance(binding, TorchCall) else binding.op
