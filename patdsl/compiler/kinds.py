"""One name, one kind of value: a tensor, a number, a list of dims, a dtype, a string, a bool.

In: an op or a pattern, resolved. Out: the names that stand for values of two kinds, which no match can bind. Whether
dims fit is for `prove.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import attrs

from patdsl.expr import Binary, Expr, Func, Items, Lit, Member, Ref, Star, Unary
from patdsl.graph import Pattern, RightView
from patdsl.op_table import (
    AnyTensor,
    Anything,
    Const,
    DtypeOf,
    DtypeVar,
    OneOf,
    Op,
    Operand,
    Step,
    Tensor,
    Through,
    Type,
    Use,
    Values,
)

TENSOR, TENSORS, NUMBER, LIST = "a tensor", "several tensors", "a number", "several dims"
DTYPE, TEXT, FLAG, OPAQUE = "a dtype", "a string", "a bool", "opaque"
SCALARS = frozenset({NUMBER, DTYPE, TEXT, FLAG, OPAQUE})
ANY = SCALARS | {TENSOR, TENSORS, LIST}

PLAIN = {"int": NUMBER, "float": NUMBER, "bool": FLAG, "str": TEXT, "dtype": DTYPE, "opaque": OPAQUE}
#: Functions that ask something of a tensor, their first argument.
OF_TENSORS = ("rank", "numel", "contiguous", "device", "shape", "dtype", "size")

MEND = "take two names for the two values"

#: A name, the kinds that this use of it allows, and what it stands for there.
NameUse: TypeAlias = tuple[str, frozenset[str], str]


@attrs.frozen
class Clash:
    """`name` is of kind `one` where it stands for `one_as`, of kind `other` elsewhere."""

    name: str
    one: str
    one_as: str
    other: str
    other_as: str

    def __str__(self) -> str:
        return f"`{self.name}` is {self.one}, {self.one_as}, and {self.other}, {self.other_as}"


def clashes(uses: Iterable[NameUse], fixed: Iterable[str] = ()) -> list[Clash]:
    """The names that no value fits every use of. `fixed`: constants and hosts, which are what they are."""
    known: dict[str, tuple[frozenset[str], str]] = dict.fromkeys(fixed, (ANY, ""))
    found: dict[str, Clash] = {}
    for name, kinds, stands_for in uses:
        before, first = known.setdefault(name, (kinds, stands_for))
        both = before & kinds
        if not both:
            found.setdefault(name, Clash(name, _words(before), first, _words(kinds), stands_for))
        elif len(both) < len(before):
            known[name] = (both, stands_for if len(kinds) < len(before) else first)
    return list(found.values())


def _words(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds)) if len(kinds) < 3 else "a scalar"


def op_uses(op: Op) -> Iterator[NameUse]:
    """The names in a declaration's header."""
    for param in op.params:
        yield param.name, of_type(param.type), "as the parameter"
        yield from _type_uses(param.type)
    for result in op.results:
        yield result.name, of_type(result.type), "as the result"
        yield from _type_uses(result.type)
    for condition in op.where:
        yield from _expr_uses(condition, SCALARS, "in `where`")


def pattern_uses(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[NameUse]:
    """The names that a pattern binds and reads."""
    for item in pattern.inputs:
        if item.type is not None:
            yield item.name, of_type(item.type), "as the input"
            yield from _type_uses(item.type)
    for step in pattern.left.steps:
        if isinstance(step, Step):
            yield from _call_uses(step.operands, ops[step.op])
            for _, value in step.results:
                yield value, frozenset({TENSOR}), f"as a result of `{step.op}`"
        else:
            yield step.source, frozenset({TENSOR}), "where it is viewed"
            yield step.value, frozenset({TENSOR}), "as a view"
            for dim in step.dims:
                if not isinstance(dim, Anything):
                    yield from _expr_uses(dim, frozenset({NUMBER}), "as a dim of a view")
    for made in pattern.right:
        if isinstance(made, RightView):
            yield made.source, frozenset({TENSOR}), "where it is viewed"
            yield from _expr_uses(made.dims, frozenset({NUMBER}), "as a dim of a view")
        else:
            yield from _call_uses(made.args, ops[made.op])
    for condition in pattern.where:
        yield from _expr_uses(condition, SCALARS, "in `where`")


def of_type(declared: Type) -> frozenset[str]:
    """What a value of a declared type may be."""
    if isinstance(declared, Tensor):
        return frozenset({TENSOR})
    if isinstance(declared, AnyTensor):
        return frozenset({TENSOR, NUMBER})
    if declared.kind == "tensor":
        return frozenset({TENSORS})
    return frozenset({LIST if declared.is_list else PLAIN[declared.kind]})


def _type_uses(declared: Type) -> Iterator[NameUse]:
    if isinstance(declared, Tensor):
        if isinstance(declared.dtype, (DtypeVar, DtypeOf)):
            name = declared.dtype.name if isinstance(declared.dtype, DtypeVar) else declared.dtype.parameter
            yield name, frozenset({DTYPE}), "as the dtype of a tensor"
        for dim in declared.dims:
            yield from _expr_uses(dim, frozenset({NUMBER}), "as a dim")


def _call_uses(operands: Iterable[tuple[str, Operand]], op: Op) -> Iterator[NameUse]:
    for name, operand in operands:
        yield from _operand_uses(operand, of_type(op.param[name].type), f"as `{name}` of `{op.name}`")


def _operand_uses(operand: Operand, kinds: frozenset[str], stands_for: str) -> Iterator[NameUse]:
    if isinstance(operand, (Use, Through)):
        yield operand.value, kinds, stands_for
    elif isinstance(operand, OneOf):
        yield operand.name, kinds, stands_for
    elif isinstance(operand, Values):
        one = frozenset({TENSOR}) if TENSORS in kinds else frozenset({NUMBER})
        for item in operand.items:
            yield from _operand_uses(item, one, f"in a list {stands_for}")
    elif isinstance(operand, Const):
        yield from _expr_uses(operand.value, kinds, stands_for)


def _expr_uses(expr: Expr, kinds: frozenset[str], stands_for: str) -> Iterator[NameUse]:
    """`kinds`: what the value of the whole expression may be."""
    if isinstance(expr, Ref):
        if expr.name != "_":
            yield expr.name, kinds, stands_for
    elif isinstance(expr, Star):
        yield expr.name, frozenset({LIST}), f"as `*{expr.name}`"
    elif isinstance(expr, Items):
        for item in expr.items:
            yield from _expr_uses(item, frozenset({NUMBER}), "in a list of dims")
    elif isinstance(expr, Unary):
        yield from _expr_uses(expr.operand, SCALARS if expr.op == "not" else frozenset({NUMBER}), stands_for)
    elif isinstance(expr, Binary):
        inner = frozenset({NUMBER}) if expr.op in "+-*/%" else SCALARS | {LIST}
        if Lit(None) in (expr.left, expr.right):
            inner = ANY  # `weight == none` asks whether there is one
        for side in (expr.left, expr.right):
            yield from _expr_uses(side, inner, stands_for)
    elif isinstance(expr, Member):
        inner = ANY if Lit(None) in expr.options else SCALARS | {LIST}
        for part in (expr.item, *expr.options):
            yield from _expr_uses(part, inner, stands_for)
    elif isinstance(expr, Func):
        for index, arg in enumerate(expr.args):
            of_tensor = expr.name in OF_TENSORS and index == 0
            inner = frozenset({TENSOR}) if of_tensor else SCALARS
            yield from _expr_uses(arg, inner, f"in `{expr.name}(...)`")
