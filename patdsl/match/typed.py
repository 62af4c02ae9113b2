"""The right side of a match, ready to be emitted: arguments resolved, bindings chosen, results typed.

In: a pattern and a place where its left side holds. Out: `Right`, or a `RefusedError`: an input that a
declaration does not allow, a condition that is not known to hold, no binding for this target, a replaced value
whose type would change. What the declarations of the called ops demand of their inputs becomes a guard here.
Strides are the emitter's to check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from patdsl.dtypes import Dtype
from patdsl.expr import UNKNOWN, EvaluationError, Expr, Items, Lit, Ref, Scope, evaluate, names_in
from patdsl.graph import Pattern, Replace, RightOperand, RightStep, RightView
from patdsl.match.answers import answers
from patdsl.match.blocks import Placed
from patdsl.match.choice import Chosen, choose
from patdsl.match.found import Replaced, RightValue, TensorMeta, TypedCall, TypedView, Value
from patdsl.match.layout import contiguous_strides, numel, same_number, same_numbers
from patdsl.match.result_types import declared_result
from patdsl.match.sites import Sites
from patdsl.op_table import AnyTensor, Const, NoDefault, Op, Param, Plain, Tensor, Type, Use
from patdsl.resolved_to_text import expr_text
from patdsl.unify import unify_type


class RefusedError(Exception):
    """Why the right side cannot stand: a rule of `Refusal` and a sentence."""

    def __init__(self, rule: str, reason: str) -> None:
        self.rule, self.reason = rule, reason
        super().__init__(reason)


@attrs.frozen
class Right:
    """`calls` in order, `replaced` in the order of the pattern, `reads`: values of the graph that the calls take."""

    calls: tuple[TypedCall[Any] | TypedView[Any], ...]
    replaced: tuple[Replaced[Any], ...]
    reads: tuple[Value[Any], ...]


def type_right(sites: Sites, pattern: Pattern, place: Placed) -> Right:
    """The right side for one place where the pattern's conditions hold. Raises RefusedError."""
    typing = RightTyping(sites, pattern, place)
    for step in pattern.right:
        for branch in typing.branches(step.fan_out):
            if isinstance(step, RightView):
                typing.view(step, branch)
            else:
                typing.call(step, branch)
    replaced = [
        typing.replace(replace, branch)
        for replace in pattern.replaces
        for branch in typing.branches(replace.fan_out)
    ]
    aliases = [
        Replaced(Replace("", ""), after, before)
        for site in place.sites
        for after, before in site.same
        if after.holders
    ]
    return Right(tuple(typing.calls), (*replaced, *aliases), tuple(dict.fromkeys(typing.reads)))


def demand_conditions(sites: Sites, pattern: Pattern, place: Placed) -> None:
    """The pattern's own `where`. Raises RefusedError."""
    typing = RightTyping(sites, pattern, place)
    scope = typing.scope(place.names)
    for condition in pattern.where:
        typing.demand(condition, scope, "")


@attrs.define
class RightTyping:
    sites: Sites
    pattern: Pattern
    place: Placed
    calls: list[TypedCall[Any] | TypedView[Any]] = attrs.Factory(list)
    metas: dict[RightValue, TensorMeta | None] = attrs.Factory(dict)
    reads: list[Value[Any]] = attrs.Factory(list)

    def branches(self, fan_out: str | None) -> list[int | None]:
        """What a step of this fan-out is made for: each branch, or once."""
        return [None] if fan_out is None else list(range(len(self.place.branches.get(fan_out, ()))))

    def meta_of(self, value: Any) -> TensorMeta | None:
        if isinstance(value, Value):
            return value.meta
        return self.metas.get(value) if isinstance(value, RightValue) else None

    def scope(self, names: Mapping[str, Any]) -> Scope:
        return self.sites.context.scope(names, answers(self.sites.context.known, self._known_meta))

    def _known_meta(self, value: Any) -> Any:
        if isinstance(value, RightValue) and self.metas.get(value) is None:
            raise EvaluationError(f"the type of `{value.name}` is not known")
        return self.meta_of(value)

    def demand(self, condition: Expr, scope: Scope, whose: str) -> None:
        try:
            held = evaluate(condition, scope)
        except EvaluationError as error:
            raise RefusedError("where", f"{whose}{expr_text(condition)}: {error}") from None
        if held is True:
            return
        values = ", ".join(
            f"{name} = {_text(scope.names[name])}" for name in names_in(condition) if name in scope.names
        )
        verdict = "is not statically known" if held is UNKNOWN else "does not hold"
        raise RefusedError(
            "where", f"{whose}{expr_text(condition)} {verdict}{f' ({values})' if values else ''}"
        )

    # what names mean

    def resolve(self, name: str, branch: int | None, fan_out: str | None) -> Any:
        """A name on the right: made there, of the branch, of the left side, or a constant."""
        if self.metas:  # mostly not: few right sides have a second step
            for made in (RightValue(name, branch), RightValue(name)):
                if made in self.metas:
                    return made
        if branch is not None and fan_out is not None:
            own = self.place.branches[fan_out][branch]
            if name in own:
                return own[name]
        if name in self.place.names:
            return self.place.names[name]
        if name in self.sites.context.names:
            return self.sites.context.names[name]
        raise RefusedError("typed", f"nothing on the left gives `{name}` a value")

    def operand(self, operand: RightOperand, branch: int | None, fan_out: str | None) -> Any:
        if isinstance(operand, Use):
            return self._noted(self.resolve(operand.value, branch, fan_out))
        if isinstance(operand, Const):
            return self.number(operand.value, branch, fan_out)
        items = [item for item in operand.items if isinstance(item, (Use, Const))]
        return tuple(self.operand(item, branch, fan_out) for item in items)

    def number(self, expr: Expr, branch: int | None, fan_out: str | None) -> Any:
        names = dict(self.place.names)
        for name in names_in(expr):
            if name != "_":
                names[name] = self.resolve(name, branch, fan_out)
        try:
            value = evaluate(expr, self.scope(names))
        except EvaluationError as error:
            raise RefusedError("typed", f"{expr_text(expr)}: {error}") from None
        if value is UNKNOWN:
            raise RefusedError("typed", f"{expr_text(expr)} is not statically known")
        return value

    def _noted(self, value: Any) -> Any:
        if isinstance(value, Value):
            self.reads.append(value)
        return value

    # calls

    def call(self, step: RightStep, branch: int | None) -> None:
        op = self.sites.op(step.op)
        if op is None:
            raise RefusedError("typed", f"no op `{step.op}` is declared")
        given = {name: self.operand(operand, branch, step.fan_out) for name, operand in step.args}
        args = {param.name: self.argument(op, param, given) for param in op.params}
        typed = self._typed_alike(step, op, args, branch)
        self.calls.append(typed)
        renamed = dict(typed.step.results)
        for result, name in typed.step.results:
            self.metas[RightValue(name, branch)] = typed.results.get(result.split(".")[0])
        for _, name in step.results:
            if name not in renamed.values():
                self.metas[RightValue(name, branch)] = None

    def _typed_alike(
        self, step: RightStep, op: Op, args: Mapping[str, Any], branch: int | None
    ) -> TypedCall[Any]:
        """`_typed_call`, worked out once for all places and branches whose operands are alike."""
        if any(map(_is_made, args.values())):
            return self._typed_call(step, op, args, branch)  # whose types are this place's own
        alike = (id(step), self.sites.values.likeness(args.values()))
        if alike in self.sites.typed:
            _, typed = self.sites.typed[alike]
            return attrs.evolve(typed, branch=branch, args=args, names={**typed.names, **args})
        typed = self._typed_call(step, op, args, branch)
        if typed.args is args:  # not those of another op, which declares this one
            self.sites.typed[alike] = (step, typed)
        return typed

    def _typed_call(
        self, step: RightStep, op: Op, args: Mapping[str, Any], branch: int | None
    ) -> TypedCall[Any]:
        """Guards, binding and result types of one call."""
        flatten = {
            name: dims for name in step.flatten if (dims := self.flattened(op, name, args[name])) is not None
        }
        names = self.op_names(op, args, flatten)
        scope = self.scope(names)
        for condition in op.where:
            self.demand(condition, scope, f"{op.name}: ")

        def fit(
            inner: Op, inner_args: Mapping[str, Any], params: Mapping[str, str]
        ) -> Mapping[str, Any] | str:
            flat = {params[own]: dims for own, dims in flatten.items() if own in params}
            try:
                return self.op_names(inner, inner_args, flat)
            except RefusedError as refused:
                return refused.reason

        chosen = choose(self.sites, op, args, names, scope, fit)
        if isinstance(chosen, str):
            raise RefusedError("typed", chosen)
        device = self._device(args)
        results = {result.name: self.result_type(result.type, names, scope, device) for result in op.results}
        return self._typed(step, chosen, branch, flatten, results)

    def _typed(
        self,
        step: RightStep,
        chosen: Chosen,
        branch: int | None,
        flatten: dict[str, tuple[Any, ...]],
        results: dict[str, TensorMeta | None],
    ) -> TypedCall[Any]:
        """The call in terms of the op whose torch binding was chosen: the op itself, or the one it is declared by."""
        renamed = tuple(
            (own, value)
            for name, value in step.results
            if (own := _renamed(name, chosen.results)) is not None
        )
        flat = {chosen.params[name]: dims for name, dims in flatten.items() if name in chosen.params}
        typed = {chosen.results[name]: meta for name, meta in results.items() if name in chosen.results}
        return TypedCall(
            attrs.evolve(step, op=chosen.op.name, results=renamed),
            chosen.op,
            chosen.binding,
            branch,
            chosen.args,
            flat,
            chosen.names,
            typed,
        )

    def argument(self, op: Op, param: Param, given: Mapping[str, Any]) -> Any:
        if param.name in given:
            value = given[param.name]
            if isinstance(param.type, Plain) and param.type.kind == "float" and type(value) is int:
                return float(value)
            return value
        if not isinstance(param.default, NoDefault):
            default = param.default
            return default.value if isinstance(default, Lit) else evaluate(default, self.scope({}))
        if param.optional:
            return None
        raise RefusedError("typed", f"{op.name} takes `{param.name}`, which nothing gives")

    def flattened(self, op: Op, name: str, value: Any) -> tuple[Any, ...] | None:
        """The dims with the leading ones merged, where the value has more than are declared."""
        declared, meta = op.param[name].type, self.meta_of(value)
        if meta is None or not isinstance(declared, Tensor):
            return None
        rank, extra = len(declared.dims), len(meta.dims) - len(declared.dims)
        if extra <= 0 or rank == 0:
            return None
        return (numel(meta.dims[: extra + 1]), *meta.dims[extra + 1 :])

    def op_names(
        self, op: Op, args: Mapping[str, Any], flat: Mapping[str, tuple[Any, ...]]
    ) -> dict[str, Any]:
        """The op's own names: parameters, dims and dtype variables. Raises RefusedError where an argument does
        not fit.
        """
        names: dict[str, Any] = dict(args)
        scope = self.scope(names)
        for param in op.params:
            self._fit(op, param, args[param.name], flat.get(param.name), names, scope)
        return names

    def _device(self, args: Mapping[str, Any]) -> str:
        """Where the results are: the device of the first tensor."""
        metas = (self.meta_of(value) for value in args.values())
        return next((meta.device for meta in metas if meta is not None), "")

    def _fit(
        self,
        op: Op,
        param: Param,
        value: Any,
        flat: tuple[Any, ...] | None,
        names: dict[str, Any],
        scope: Scope,
    ) -> None:
        """Unify a parameter's declared type with what it gets. `scope` sees `names`."""
        if value is None:
            if not param.optional and not isinstance(param.type, Plain):
                raise RefusedError("typed", f"{op.name} takes no none for `{param.name}`")
            return
        if not param.is_tensor:
            return
        if not isinstance(value, (Value, RightValue)):
            if isinstance(param.type, Plain) and isinstance(value, tuple):
                return
            if _is_number_in_place(op, param, value):
                return
            raise RefusedError("typed", f"{op.name} takes a tensor for `{param.name}`, not {_text(value)}")
        meta = self.meta_of(value)
        if meta is None:
            return
        dims = meta.dims if flat is None else flat
        reason = unify_type(param.type, meta.dtype, dims, names, scope)
        if reason is not None:
            raise RefusedError("typed", f"{op.name} does not take this `{param.name}`: {reason}")

    def result_type(
        self, declared: Type, names: Mapping[str, Any], scope: Scope, device: str
    ) -> TensorMeta | None:
        """The type of a result, laid out row by row. `scope` sees `names`."""
        made = declared_result(declared, names, scope)
        return made and TensorMeta(made.dtype, made.dims, contiguous_strides(made.dims), device)

    # views

    def view(self, step: RightView, branch: int | None) -> None:
        source = self._noted(self.resolve(step.source, branch, step.fan_out))
        meta = self.meta_of(source)
        dims = self._view_dims(step, branch, meta)
        self.calls.append(TypedView(step, branch, source, dims))
        made = None if meta is None else TensorMeta(meta.dtype, dims, contiguous_strides(dims), meta.device)
        self.metas[RightValue(step.value, branch)] = made

    def _view_dims(self, step: RightView, branch: int | None, meta: TensorMeta | None) -> tuple[Any, ...]:
        """The dims of a view; `_` among them is what is left over."""
        if not isinstance(step.dims, Items) or Ref("_") not in step.dims.items:
            dims = self._sizes(step.dims, branch, step.fan_out)
            self._same_size(step, meta, dims)
            return dims
        at = step.dims.items.index(Ref("_"))
        before = self._sizes(Items(step.dims.items[:at]), branch, step.fan_out)
        after = self._sizes(Items(step.dims.items[at + 1 :]), branch, step.fan_out)
        if meta is None:
            raise RefusedError("typed", f"the dim left over in the view `{step.value}` is not known")
        total, rest = numel(meta.dims), numel((*before, *after))
        known = self.sites.context.known
        if known(rest > 0) is False or not same_number(total % rest, 0, known):
            raise RefusedError("typed", f"{_text(meta.dims)} cannot be viewed as {expr_text(step.dims)}")
        return (*before, total // rest, *after)

    def _sizes(self, dims: Expr, branch: int | None, fan_out: str | None) -> tuple[Any, ...]:
        """The sizes that an expression lists."""
        sizes = self.number(dims, branch, fan_out)
        text = expr_text(dims)
        if sizes is UNKNOWN or (isinstance(sizes, tuple) and not all(map(_counts, sizes))):
            raise RefusedError("typed", f"the shape {text} is not known")
        if not isinstance(sizes, tuple):
            raise RefusedError("typed", f"a view takes a list of sizes such as [{text}], not {text}")
        return sizes

    def _same_size(self, step: RightView, meta: TensorMeta | None, dims: tuple[Any, ...]) -> None:
        if meta is not None and not same_number(numel(meta.dims), numel(dims), self.sites.context.known):
            raise RefusedError(
                "typed", f"`{step.value}`: {_text(meta.dims)} cannot be viewed as {_text(dims)}"
            )

    # replaced values

    def replace(self, replace: Replace, branch: int | None) -> Replaced[Any]:
        old = self.resolve_left(replace, branch)
        new = self.resolve(replace.right, branch, replace.fan_out)
        if isinstance(new, Value):
            self.reads.append(new)
        elif not isinstance(new, RightValue):
            raise RefusedError(
                "typed", f"`{replace.left}` would be replaced by {_text(new)}, which is no tensor"
            )
        view_as = self.compared(replace, old, new)
        root_key = self.sites.values.root_key(old.key)
        if old.key != root_key and (old.viewed or root_key in self.sites.values.windowed):
            # The call saw its base through a window: users hold the base afterwards, so it is what gives way.
            root = self.sites.values.root(old)
            return Replaced(replace, root, new, None if root.meta is None else root.meta.dims)
        return Replaced(replace, old, new, view_as)

    def resolve_left(self, replace: Replace, branch: int | None) -> Value[Any]:
        names = self.place.names
        if branch is not None and replace.fan_out is not None:
            names = {**names, **self.place.branches[replace.fan_out][branch]}
        old = names.get(replace.left)
        if not isinstance(old, Value):
            raise RefusedError("typed", f"`{replace.left}` is no value of the left side")
        return old

    def compared(self, replace: Replace, old: Value[Any], new: Any) -> tuple[Any, ...] | None:
        """The dims to view the new value as, if it must be. Refuses another dtype, device or shape."""
        before, after = old.meta, self.meta_of(new)
        if before is None or after is None:
            return None
        if before.dtype != after.dtype:
            raise RefusedError(
                "typed", f"`{replace.left}` is {before.dtype}, the right side makes {after.dtype}"
            )
        if before.device and after.device and before.device != after.device:
            raise RefusedError(
                "typed", f"`{replace.left}` is on {before.device}, the right side makes it on {after.device}"
            )
        known = self.sites.context.known
        if same_numbers(before.dims, after.dims, known):
            return None
        fits = (
            replace.view
            and bool(before.dims and after.dims)
            and same_number(before.dims[-1], after.dims[-1], known)
            and same_number(numel(before.dims), numel(after.dims), known)
        )
        if not fits:
            raise RefusedError(
                "typed", f"`{replace.left}` is {_text(before.dims)}, the right side makes {_text(after.dims)}"
            )
        return before.dims


def _is_made(value: Any) -> bool:
    """Whether the right side makes it, or a part of it."""
    return isinstance(value, RightValue) or (isinstance(value, tuple) and any(map(_is_made, value)))


def _counts(size: Any) -> bool:
    """Whether it can be reckoned with: not UNKNOWN, nor a remainder, of which a proof knows only when it is 0."""
    return hasattr(size, "__floordiv__")


def _renamed(result: str, names: Mapping[str, str]) -> str | None:
    """A result, or one of a list of them (`parts.1`), by the name that the called op has for it."""
    name, dot, index = result.partition(".")
    return f"{names[name]}{dot}{index}" if name in names else None


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_text, value)) + "]"
    if isinstance(value, Value):
        meta = value.meta
        return "a tensor" if meta is None else f"{meta.dtype}{_text(meta.dims)}"
    if isinstance(value, RightValue):
        return f"`{value.name}`"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_number_in_place(op: Op, param: Param, value: Any) -> bool:
    """Whether this is a number where aten takes one in a tensor's place: `mul(x, 2.0)`, but not `mul(2.0, x)`."""
    no_number = isinstance(value, (str, bool, tuple, Dtype))
    return isinstance(param.type, AnyTensor) and param is not op.first_tensor and not no_number
