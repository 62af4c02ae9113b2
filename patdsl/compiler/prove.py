"""Proof that a rewrite keeps every type, for all sizes.

In: a pattern, the declared ops, constants. Out: findings: the left side no graph can have, the right side whose result
differs, and values about which the declarations say too little, which are then checked at each match. Uses the typing
that matches use (`match/typed.py`), with polynomials in the place of sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import attrs

from patdsl.compiler.left_types import CASES, MORE_CASES, Case, LeftError, LeftTypes
from patdsl.compiler.shape_rules import rule_types
from patdsl.compiler.symbolic import Facts
from patdsl.dtypes import Dtype
from patdsl.expr import UNKNOWN, Binary, EvaluationError, Expr, Member, Star, compare, evaluate, names_in
from patdsl.graph import Pattern, RightStep, RightView
from patdsl.match.blocks import Placed
from patdsl.match.context import Context
from patdsl.match.found import RightValue, TensorMeta, Value
from patdsl.match.sites import Sites
from patdsl.match.typed import RefusedError, RightTyping
from patdsl.op_table import Op, Step, Tensor, Through


@attrs.frozen
class Disproof:
    """`value` (a left value, or "" where no graph has the left side) would change from `before` to `after`."""

    value: str
    case: Case
    reason: str
    line: int = 0


@attrs.frozen
class Proof:
    """`disproofs`: what is wrong. `open_values`: replaced values whose types the declarations leave open.

    `possible`: the cases in which the rewrite can take place.
    """

    disproofs: tuple[Disproof, ...]
    open_values: tuple[str, ...]
    possible: tuple[Case, ...]


def prove(pattern: Pattern, ops: Mapping[str, Op], constants: Mapping[str, Any]) -> Proof:
    disproofs: list[Disproof] = []
    open_values: dict[str, None] = {}
    possible: list[Case] = []
    impossible: list[Disproof] = []
    excluded = False
    for case in _telling(pattern, (*CASES, *MORE_CASES)):
        if case in MORE_CASES and (possible or not excluded):
            break
        typed = _typed(pattern, ops, constants, case)
        if typed is None:
            excluded = True
            continue
        if isinstance(typed, Disproof):
            impossible.append(typed)
            continue
        left, right = typed
        possible.append(case)
        left.facts.assuming = False
        for replace in pattern.replaces:
            try:
                if not right.compare(replace):
                    open_values.setdefault(replace.left)
            except RefusedError as refused:
                disproofs.append(Disproof(replace.left, case, refused.reason))
    if not possible and excluded:
        open_values = dict.fromkeys(replace.left for replace in pattern.replaces)
    elif not possible:
        disproofs.extend(impossible[:1])
    return Proof(tuple(disproofs), tuple(open_values), tuple(possible))


def possible_left(
    pattern: Pattern,
    ops: Mapping[str, Op],
    constants: Mapping[str, Any],
    cases: Iterable[Case] = (Case(2, "same"), *CASES, *MORE_CASES),
) -> LeftTypes | None:
    """The left side typed in the first case that can be rewritten, the most general one first."""
    for case in _telling(pattern, cases):
        typed = _typed(pattern, ops, constants, case)
        if isinstance(typed, tuple):
            return typed[0]
    return None


def _telling(pattern: Pattern, cases: Iterable[Case]) -> list[Case]:
    """The cases that differ for this pattern: where no view is optional, what optional views do is all the same."""
    has_view = any(
        isinstance(operand, Through)
        for step in pattern.left.steps
        if isinstance(step, Step)
        for _, operand in step.operands
    )
    return [case for case in cases if has_view or case.view == "same"]


def _typed(
    pattern: Pattern, ops: Mapping[str, Op], constants: Mapping[str, Any], case: Case
) -> tuple[LeftTypes, _RightProof] | Disproof | None:
    """Both sides typed, with inputs of the ranks that the right side demands; None where a `where` excludes it."""
    ranks: dict[str, int] = {}
    while True:
        left = LeftTypes(pattern, ops, constants, case, ranks)
        try:
            left.run()
            right = _RightProof.of(pattern, ops, constants, left)
            for condition in pattern.where:
                right.suppose(condition, right.place.names)
            right.calls_and_views()
        except LeftError as error:
            return Disproof("", case, error.reason, error.line)
        except ExcludedError:
            return None
        except RankDemandError as demand:
            if demand.name in ranks:
                return Disproof("", case, demand.reason)
            ranks[demand.name] = demand.rank
        except RefusedError as refused:
            return Disproof("", case, refused.reason)
        else:
            return left, right


class RankDemandError(RefusedError):
    """The right side takes an input only with this rank, which is a guard."""

    def __init__(self, name: str, rank: int, reason: str) -> None:
        self.name, self.rank = name, rank
        super().__init__("typed", reason)


class ExcludedError(Exception):
    """A condition does not hold in this case, so that nothing needs to be proven of it."""


@attrs.define
class _RightProof(RightTyping):
    """The typing of a right side whose conditions are assumed and whose bindings are not chosen yet."""

    facts: Facts = attrs.field(kw_only=True)

    @classmethod
    def of(
        cls, pattern: Pattern, ops: Mapping[str, Op], constants: Mapping[str, Any], left: LeftTypes
    ) -> _RightProof:
        names: dict[str, Any] = dict(left.names)
        for name, meta in left.types.items():
            names[name] = Value(name, None, (), meta, name)
        context = Context("", ops, constants, {}, lambda _: True, left.facts.known, lambda *_: True)
        branches = {fan_out.name: (names,) for fan_out in pattern.left.fan_outs}
        # Of the graph's sites, typing reads the context and the ops; of a place, the names.
        sites = cast(Sites, SimpleNamespace(context=context, op=ops.get))
        place = cast(Placed, SimpleNamespace(names=names, branches=branches, sites=()))
        return cls(sites, pattern, place, facts=left.facts)

    def suppose(self, condition: Expr, names: Mapping[str, Any]) -> None:
        """Take for a fact what a match has checked before: an equality or a set of dtypes. Raises ExcludedError."""
        if isinstance(condition, Binary) and condition.op == "and":
            self.suppose(condition.left, names)
            self.suppose(condition.right, names)
            return
        constants = self.sites.context.names
        if any(name in constants and name not in names for name in names_in(condition)):
            return  # what it says depends on the target or the integration
        scope = self.scope(names)
        try:
            self.facts.assuming = False
            if evaluate(condition, scope) is False:
                raise ExcludedError
            self.facts.assuming = True
            if isinstance(condition, Binary) and condition.op == "==":
                compare("==", evaluate(condition.left, scope), evaluate(condition.right, scope), scope)
            elif isinstance(condition, Member):
                item = evaluate(condition.item, scope)
                options = [evaluate(option, scope) for option in condition.options]
                dtypes = [option for option in options if isinstance(option, Dtype)]
                if isinstance(item, Dtype) and len(dtypes) == len(options):
                    item.among(dtypes)
                elif len(options) == 1:
                    compare("==", item, options[0], scope)
        except EvaluationError:
            return
        finally:
            self.facts.assuming = True

    def calls_and_views(self) -> None:
        for step in self.pattern.right:
            branch = None if step.fan_out is None else 0
            if isinstance(step, RightView):
                self.view(step, branch)
            else:
                self._type_call(step, branch)

    def _type_call(self, step: RightStep, branch: int | None) -> None:
        op = self.sites.op(step.op)
        assert op is not None
        given = {name: self.operand(operand, branch, step.fan_out) for name, operand in step.args}
        args = {param.name: self.argument(op, param, given) for param in op.params}
        flat = {
            name: dims for name in step.flatten if (dims := self.flattened(op, name, args[name])) is not None
        }
        self._demand_ranks(op, args, flat)
        names = self.op_names(op, args, flat)
        for condition in op.where:
            self.suppose(condition, names)
        metas = {name: self.meta_of(value) or value for name, value in args.items()}
        ruled = rule_types(op.name, metas, lambda a, b: self.facts.decided(a == b))
        for position, (result, value) in enumerate(step.results):
            declared = op.result.get(result)
            made: TensorMeta | None = None
            if declared is not None:
                made = self.result_type(declared.type, names, self.scope(names), "")
            if made is None and ruled is not None:
                at = int(result.rsplit(".", 1)[1]) if "." in result else position
                made = ruled[at] if at < len(ruled) else None
            self.metas[RightValue(value, branch)] = made

    def _demand_ranks(self, op: Op, args: Mapping[str, Any], flat: Mapping[str, Any]) -> None:
        inputs = {item.name for item in self.pattern.inputs}
        stars: dict[str, int] = {}  # how many dims each stands for, by the first argument that has it
        for param in op.params:
            declared, value = param.type, args[param.name]
            if not isinstance(declared, Tensor) or not isinstance(value, Value) or value.key not in inputs:
                continue
            if param.name in flat or value.meta is None:
                continue
            star = next((dim.name for dim in declared.dims if isinstance(dim, Star)), None)
            rank = len(declared.dims)
            if star is not None:
                rank += stars.setdefault(star, len(value.meta.dims) - rank + 1) - 1
            if len(value.meta.dims) != rank:
                raise RankDemandError(
                    value.key,
                    rank,
                    f"{op.name} does not take this `{param.name}`: rank {len(value.meta.dims)}, declared {rank}",
                )

    def number(self, expr: Any, branch: int | None, fan_out: str | None) -> Any:
        try:
            return super().number(expr, branch, fan_out)
        except RefusedError:
            return UNKNOWN

    def compare(self, replace: Any) -> bool:
        """Whether the types are known on both sides. Raises RefusedError where they differ."""
        branch = None if replace.fan_out is None else 0
        old = self.resolve_left(replace, branch)
        new = self.resolve(replace.right, branch, replace.fan_out)
        self.compared(replace, old, new)
        return old.meta is not None and self.meta_of(new) is not None


def disproof_text(pattern: Pattern, disproof: Disproof) -> str:
    """One sentence: which variant and value, in which case, and both types."""
    if disproof.value:
        variant = f"`{pattern.full_name}`: " if pattern.variant else ""
        return f"{variant}{disproof.reason} (with {disproof.case})"
    return f"`{pattern.full_name}` can never fire: {disproof.reason} (with {disproof.case})"
