"""Proof that a rewrite keeps every type, for all sizes.

In: a pattern, the declared ops, constants. Out: findings: the left side no graph can have, the right side whose result
differs, and values about which the declarations say too little, which are then checked at each match. Uses the typing
that matches use (`match/typed.py`), with polynomials in the place of sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import attrs

from patdsl.expr import UNKNOWN, Star
from patdsl.graph import Pattern, RightStep, RightView
from patdsl.left_types import CASES, Case, LeftError, LeftTypes
from patdsl.match.context import Context
from patdsl.match.found import RightValue, TensorMeta, Value
from patdsl.match.typed import RefusedError, RightTyping
from patdsl.op_table import Op, Tensor
from patdsl.shape_rules import rule_types


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
    for case in CASES:
        typed = _typed(pattern, ops, constants, case)
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
    if not possible:
        disproofs.extend(impossible[:1])
    return Proof(tuple(disproofs), tuple(open_values), tuple(possible))


def _typed(
    pattern: Pattern, ops: Mapping[str, Op], constants: Mapping[str, Any], case: Case
) -> tuple[LeftTypes, _RightProof] | Disproof:
    """Both sides typed, with inputs of the ranks that the right side's ops demand."""
    ranks: dict[str, int] = {}
    while True:
        left = LeftTypes(pattern, ops, constants, case, ranks)
        try:
            left.run()
            right = _RightProof.of(pattern, ops, constants, left)
            right.calls_and_views()
        except LeftError as error:
            return Disproof("", case, error.reason, error.line)
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


class _RightProof(RightTyping):
    """The typing of a right side whose conditions are assumed and whose bindings are not chosen yet."""

    @classmethod
    def of(
        cls, pattern: Pattern, ops: Mapping[str, Op], constants: Mapping[str, Any], left: LeftTypes
    ) -> _RightProof:
        names: dict[str, Any] = dict(left.names)
        for name, meta in left.types.items():
            names[name] = Value(name, None, (), meta, name)
        context = Context("", ops, constants, {}, lambda _: True, left.facts.known, lambda *_: True)
        branches = {fan_out.name: (names,) for fan_out in pattern.left.fan_outs}
        sites = SimpleNamespace(context=context, op=ops.get)
        place = SimpleNamespace(names=names, branches=branches, sites=())
        return cls(sites, pattern, place)

    def calls_and_views(self) -> None:
        for step in self.pattern.right:
            branch = None if step.fan_out is None else 0
            if isinstance(step, RightView):
                self.view(step, branch)
            else:
                self._type_call(step, branch)

    def _type_call(self, step: RightStep, branch: int | None) -> None:
        op = self.sites.op(step.op)
        given = {name: self.operand(operand, branch, step.fan_out) for name, operand in step.args}
        args = {param.name: self.argument(op, param, given) for param in op.params}
        flat = {name: dims for name in step.flatten if (dims := self.flattened(op, name, args[name])) is not None}
        self._demand_ranks(op, args, flat)
        names = self.op_names(op, args, flat)
        metas = {name: self.meta_of(value) or value for name, value in args.items()}
        ruled = rule_types(op.name, metas, lambda a, b: self.sites.context.known(a == b))
        for position, (result, value) in enumerate(step.results):
            declared = op.result.get(result)
            made: TensorMeta | None = None
            if declared is not None:
                made = self.result_type(declared.type, names, "")
            if made is None and ruled is not None:
                at = int(result.rsplit(".", 1)[1]) if "." in result else position
                made = ruled[at] if at < len(ruled) else None
            self.metas[RightValue(value, branch)] = made

    def _demand_ranks(self, op: Op, args: Mapping[str, Any], flat: Mapping[str, Any]) -> None:
        inputs = {item.name for item in self.pattern.inputs}
        for param in op.params:
            declared, value = param.type, args[param.name]
            if not isinstance(declared, Tensor) or not isinstance(value, Value) or value.key not in inputs:
                continue
            rank = len(declared.dims)
            if any(isinstance(dim, Star) for dim in declared.dims) or param.name in flat or value.meta is None:
                continue
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
    """One sentence: which value, in which case, and both types."""
    if disproof.value:
        return f"{disproof.reason} (with {disproof.case})"
    return f"`{pattern.full_name}` can never fire: {disproof.reason} (with {disproof.case})"


