"""One call template against one call: what the declared op's parameters and results are there.

In: an op (resolved for the target), a `TorchCall` or `DeclaredCall`, and the arguments of a node or of another
site. Out: `Fitted`, or None where the call is not of that form. Guards are decided here; `on` is not: a torch
op that stands in a graph exists, whatever target it was written for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import attrs

from patdsl.expr import Binary, EvaluationError, Expr, Lit, Ref, Unary, evaluate, names_in
from patdsl.match.bindings import Names, as_declared
from patdsl.match.found import Site, Value
from patdsl.match.protocol import Call, Handle
from patdsl.match.values import Values
from patdsl.op_table import (
    NO_DEFAULT,
    DeclaredCall,
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
    TorchCall,
)

#: Finds the sites of a declared op, by name, that produce a value.
Producers = Callable[[str, Value[Any]], list[Site[Any]]]


@attrs.define
class Fitted:
    """The op's parameters and results in one call."""

    args: dict[str, Any] = attrs.Factory(dict)
    results: dict[str, Value[Any]] = attrs.Factory(dict)
    same: list[tuple[Value[Any], Value[Any]]] = attrs.Factory(list)


@attrs.define
class TemplateFit:
    """Fits templates in one graph."""

    values: Values[Any]
    names: Callable[[], Names]
    producers: Producers
    #: Binding and likeness of what was fitted -> the parameters that the template leaves open; None: it does not fit.
    _completed: dict[Hashable, dict[str, Any] | None] = attrs.Factory(dict)

    def torch_call(self, op: Op, binding: TorchCall, node: Any, call: Call) -> Fitted | None:
        """A node as the op through a torch binding."""
        fitted, names = Fitted(), self.names()
        exprs: list[tuple[Expr, Any]] = []
        reached = set()
        for key, template in binding.args:
            argument = call.argument(key)
            if argument is None:
                if self._is_default(op, template):
                    continue
                return None
            reached.add(argument.name)
            if isinstance(template, (Out, Mut, Same, Temp)):
                if not self._buffer(template, argument.name, argument.value, node, call, fitted):
                    return None
            elif not self._give(op, template, self.operand(argument.value), fitted, names, exprs):
                return None
        if any(not argument.is_default for argument in call.arguments if argument.name not in reached):
            return None
        if not self._returns(op, binding, node, call, fitted):
            return None
        return self._complete_alike(op, binding, fitted, names, exprs)

    def declared_call(self, op: Op, binding: DeclaredCall, site: Site[Any]) -> Fitted | None:
        """A site of another declared op as this op. `results` pairs the other's result with this op's."""
        fitted, names = Fitted(), self.names()
        exprs: list[tuple[Expr, Any]] = []
        if not self._give_all(op, binding.args, site, fitted, names, exprs):
            return None
        for other, own in binding.results:
            if other in site.results:
                fitted.results[own] = site.results[other]
        fitted.same.extend(site.same)
        return self._complete_alike(op, binding, fitted, names, exprs)

    def operand(self, value: Any) -> Any:
        """A call's operand as the matcher sees it: handles are values; a part of a buffer is None-like `PART`."""
        if isinstance(value, Handle):
            seen = self.values.seen(value)
            return PART if seen is None else seen
        if isinstance(value, tuple):
            return tuple(self.operand(item) for item in value)
        return value

    def _give(
        self,
        op: Op,
        template: TemplateArg,
        actual: Any,
        fitted: Fitted,
        names: Names,
        exprs: list[tuple[Expr, Any]],
    ) -> bool:
        if actual is PART:
            return False
        if isinstance(template, Nested):
            return self._nested(op, template, actual, fitted, names, exprs)
        if not isinstance(template, Give):
            return False
        if isinstance(template.value, Ref) and template.value.name in op.param:
            name = template.value.name
            actual = as_declared(op.param[name], actual)
            fitted.args[name] = actual
            return names.bind(name, actual)
        exprs.append((template.value, actual))
        return True

    def _give_all(
        self,
        op: Op,
        args: tuple[tuple[str, TemplateArg], ...],
        site: Site[Any],
        fitted: Fitted,
        names: Names,
        exprs: list[tuple[Expr, Any]],
    ) -> bool:
        given = dict(args)
        for param in site.op.params:
            if param.name in given:
                if param.name not in site.args:
                    return False
                if not self._give(op, given[param.name], site.args[param.name], fitted, names, exprs):
                    return False
            elif param.name in site.args and not self._at_default(param.default, site.args[param.name]):
                return False
        return True

    def _nested(
        self,
        op: Op,
        template: Nested,
        actual: Any,
        fitted: Fitted,
        names: Names,
        exprs: list[tuple[Expr, Any]],
    ) -> bool:
        if not isinstance(actual, Value):
            return False
        for site in self.producers(template.op, actual):
            own, bound, later = Fitted(dict(fitted.args)), names.copy(), list(exprs)
            if self._give_all(op, template.args, site, own, bound, later):
                fitted.args.update(own.args)
                names.bound.update(bound.bound)
                exprs[:] = later
                return True
        return False

    def _buffer(
        self,
        template: Out | Mut | Same | Temp,
        name: str,
        operand: Any,
        node: Any,
        call: Call,
        fitted: Fitted,
    ) -> bool:
        """A written operand. `out` and `temp` do not look at what it holds."""
        if name not in call.after:
            return isinstance(template, Same) and self._unwritten(template, operand, fitted)
        index = call.after[name]
        if sum(other == index for other in call.after.values()) > 1:
            return False
        if isinstance(template, Temp):
            return True
        after = self.values.output(node, index)
        window = operand.window if isinstance(operand, Handle) else None
        seen = after if window is None else self.values.seen(operand, after)
        if seen is None:
            return False
        if isinstance(template, Out):
            result = seen if template.view_as is None else self._bitcast(seen, template)
            fitted.results[template.result] = result
            return True
        before = self.operand(operand)
        if not isinstance(before, Value):
            return False
        fitted.args[template.param] = before
        if isinstance(template, Same):
            fitted.same.append((after, self.values.of(operand.node)))
        elif template.result is not None:
            fitted.results[template.result] = seen
        return True

    def _unwritten(self, template: Same, operand: Any, fitted: Fitted) -> bool:
        value = self.operand(operand)
        if value is PART:
            return False
        fitted.args[template.param] = value
        return True

    def _bitcast(self, seen: Value[Any], template: Out) -> Value[Any]:
        """The buffer itself, where the call was passed a view of it with another dtype."""
        for holder in seen.holders:
            for user in self.values.view.users(holder):
                if self.values.view.target(user) == "aten::view.dtype":
                    return self.values.of(user)
        return seen

    def _returns(self, op: Op, binding: TorchCall, node: Any, call: Call, fitted: Fitted) -> bool:
        if call.returns == ("list",):
            return self._list_result(op, binding, node, fitted)
        for at, name in enumerate(binding.results):
            if name is None:
                continue
            if at >= len(call.returns):
                return False
            fitted.results[name] = self.values.output(node, call.returns[at])
        return True

    def _list_result(self, op: Op, binding: TorchCall, node: Any, fitted: Fitted) -> bool:
        names = [name for name in binding.results if name is not None]
        count = self.values.view.output_count(node)
        if not names or count is None:
            return not names
        declared = op.result.get(names[0])
        as_list = declared is not None and isinstance(declared.type, Plain) and declared.type.is_list
        keys = [f"{names[0]}.{at}" for at in range(count)] if as_list else list(binding.results)
        if len(keys) > count:
            return False
        for at, key in enumerate(keys):
            if key is not None:
                fitted.results[key] = self.values.output(node, at)
        return True

    def _complete_alike(
        self,
        op: Op,
        binding: TorchCall | DeclaredCall,
        fitted: Fitted,
        names: Names,
        exprs: list[tuple[Expr, Any]],
    ) -> Fitted | None:
        """`complete`, worked out once for all calls through a binding that are alike."""
        given, made = tuple(fitted.args), tuple(fitted.results)
        operands = (*fitted.args.values(), *fitted.results.values(), *(actual for _, actual in exprs))
        alike = (id(binding), given, made, self.values.likeness(operands))
        if alike not in self._completed:
            done = self.complete(op, binding.guard, fitted, names, exprs)
            self._completed[alike] = (
                None if done is None else {name: done.args[name] for name in done.args if name not in given}
            )
            return done
        opened = self._completed[alike]
        if opened is None:
            return None
        fitted.args.update(opened)
        return fitted

    def complete(
        self,
        op: Op,
        guard: Expr | None,
        fitted: Fitted,
        names: Names,
        exprs: list[tuple[Expr, Any]],
        partial: bool = False,
    ) -> Fitted | None:
        """Types, what the template leaves open, the template's expressions, and the guard. `partial`: parameters that
        nothing determines stay open."""
        for name, value in fitted.args.items():
            if not names.bind(name, value):
                return None
        for param in op.params:
            if param.name not in fitted.args:
                continue
            value = fitted.args[param.name]
            if value is None:
                if not param.optional and param.default != Lit(None):
                    return None
            elif names.fit_type(param.type, value) is not None:
                return None
        for result in op.results:
            value = fitted.results.get(result.name)
            if value is not None and names.fit_type(result.type, value) is not None:
                return None
        pinned = pins(guard)
        for expr, actual in exprs:
            open_names = [name for name in names_in(expr) if name not in names.all]
            for name in open_names:
                if len(open_names) > 1 and name in pinned:
                    names.bind(name, pinned[name])
            if names.fit(expr, actual) is not None:
                return None
        for param in op.params:
            if param.name in fitted.args or self._open_param(param.name, op, pinned, fitted, names):
                continue
            if not partial:
                return None
        if names.settle() is not None:
            return None
        if guard is not None:
            try:
                if evaluate(guard, names.scope) is not True:
                    return None
            except EvaluationError:
                return None
        return fitted

    def _open_param(self, name: str, op: Op, pinned: Mapping[str, Any], fitted: Fitted, names: Names) -> bool:
        """A parameter that the template does not take: what the guard pins, what types determine, or its default."""
        param = op.param[name]
        if name in names.bound:
            fitted.args[name] = names.bound[name]
            return True
        if name in pinned:
            value = pinned[name]
        elif not isinstance(param.default, NoDefault):
            value = evaluate(param.default, names.scope)
        elif param.optional:
            value = None
        else:
            return False
        fitted.args[name] = as_declared(param, value)
        return names.bind(name, fitted.args[name])

    def _is_default(self, op: Op, template: TemplateArg) -> bool:
        """A template argument that the torch schema does not have: only a parameter left at its default."""
        if not isinstance(template, Give) or not isinstance(template.value, Ref):
            return False
        param = op.param.get(template.value.name)
        return param is not None and param.default is not NO_DEFAULT

    def _at_default(self, default: Any, actual: Any) -> bool:
        if isinstance(default, NoDefault):
            return False
        scratch = self.names()
        scratch.bound["actual"] = evaluate(default, scratch.scope)
        return scratch.bind("actual", actual)


@attrs.frozen
class Part:
    """A part of a buffer: no value of the graph."""


PART = Part()


def pins(guard: Expr | None) -> dict[str, Any]:
    """What a guard fixes: `not p`, `p`, `p == literal`, joined by `and`."""
    if isinstance(guard, Binary) and guard.op == "and":
        return {**pins(guard.left), **pins(guard.right)}
    if isinstance(guard, Unary) and guard.op == "not" and isinstance(guard.operand, Ref):
        return {guard.operand.name: False}
    if isinstance(guard, Ref):
        return {guard.name: True}
    if isinstance(guard, Binary) and guard.op == "==":
        for one, other in ((guard.left, guard.right), (guard.right, guard.left)):
            if isinstance(one, Ref) and isinstance(other, Lit):
                return {one.name: other.value}
    return {}
