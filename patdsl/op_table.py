"""Declared ops: their types, their ways to be spelled in a graph, their limits.

Made by `ast_to_ops.py` from `op` declarations; written as constructor calls into compiled modules; read by
the type prover and by the matcher. Everything is frozen and free of torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import attrs

from patdsl.dtypes import Dtype
from patdsl.expr import Expr, Ref


def as_pairs(value: Mapping[Any, Any] | Iterable[tuple[Any, Any]]) -> tuple[tuple[Any, Any], ...]:
    """A mapping, or pairs, as pairs."""
    return tuple(value.items() if isinstance(value, Mapping) else value)


#: Metadata of a field of ordered pairs, which may also be given as a mapping; compiled modules write it
#: as one.
MAPPING = {"mapping": True}


# Types


@attrs.frozen
class DtypeVar:
    """A dtype variable: the same dtype wherever it stands in one declaration."""

    name: str


@attrs.frozen
class DtypeSet:
    """One of several dtypes, `{bf16, f16}`."""

    names: tuple[Dtype, ...]


@attrs.frozen
class DtypeOf:
    """The dtype that a parameter of type `dtype` is given."""

    parameter: str


DtypeTerm: TypeAlias = Dtype | DtypeVar | DtypeSet | DtypeOf


@attrs.frozen
class Tensor:
    """`T[*B, H]`. A dim is an expression over names, or `Star`. `[]` is a 0-d tensor."""

    dtype: DtypeTerm
    dims: tuple[Expr, ...]


@attrs.frozen
class AnyTensor:
    """`tensor`: a tensor of which nothing is said, or a number where the torch op takes one in its place.

    Results of this type get theirs from `shape_rules.py`.
    """


@attrs.frozen
class Plain:
    """`int float bool str dtype`, or a list of them, or `tensor[]`."""

    kind: str
    is_list: bool = False


Type: TypeAlias = Tensor | AnyTensor | Plain


@attrs.frozen
class NoDefault:
    """A parameter without a default."""


NO_DEFAULT = NoDefault()


@attrs.frozen
class Param:
    """A parameter. `optional`: the value may be none. `default` is a closed expression or NO_DEFAULT."""

    name: str
    type: Type
    optional: bool = False
    default: Expr | NoDefault = NO_DEFAULT

    @property
    def is_tensor(self) -> bool:
        return isinstance(self.type, (Tensor, AnyTensor)) or (
            isinstance(self.type, Plain) and self.type.kind == "tensor"
        )


@attrs.frozen
class Result:
    """A result. Its type is a `Tensor`, `AnyTensor`, or `Plain("tensor", is_list=True)` for a list of tensors."""

    name: str
    type: Type


@attrs.frozen
class On:
    """One target name; `or_newer` for `sm_90+`."""

    name: str
    or_newer: bool = False


# Call templates


@attrs.frozen
class Give:
    """An expression over parameters, constants and hosts: a plain `Ref` is the parameter itself."""

    value: Expr


@attrs.frozen
class Out:
    """A buffer whose contents are not read and which holds `result` afterwards, seen as `view_as` if given."""

    result: str
    view_as: Dtype | None = None


@attrs.frozen
class Mut:
    """An in-place operand, and the result that is its value afterwards (None: nobody reads it)."""

    param: str
    result: str | None


@attrs.frozen
class Same:
    """An operand that the schema calls mutable and that this call leaves alone."""

    param: str


@attrs.frozen
class Temp:
    """A scratch buffer of this type."""

    type: Tensor


@attrs.frozen
class Nested:
    """A call of a declared op standing as an argument: `zeros_like(x)`."""

    op: str
    args: tuple[tuple[str, TemplateArg], ...] = attrs.field(converter=as_pairs, metadata=MAPPING)


TemplateArg: TypeAlias = Give | Out | Mut | Same | Temp | Nested


#: Stands for what an `Op` fills in.
UNFILLED: Any = (("", ""),)


@attrs.frozen
class TorchCall:
    """A torch op that computes the declared op.

    `target` is `ns::op.overload`, the overload `default` unless written. `args` pairs each template argument
    with its torch argument name, or with its position where no name is written. `results` names the op's
    returns in order, None where ignored; in-place and `out` results are not among them. Arguments of the
    schema that the template does not reach must be at their defaults. What is not given is filled in by the
    `Op`: `args` with its parameters in order, `results` with those of its results that no argument yields.
    """

    target: str
    args: tuple[tuple[int | str, TemplateArg], ...] = attrs.field(
        default=UNFILLED, converter=as_pairs, metadata=MAPPING
    )
    results: tuple[str | None, ...] = UNFILLED
    targets: tuple[On, ...] = ()
    guard: Expr | None = None


@attrs.frozen
class DeclaredCall:
    """Another declared op that computes this one; resolved through that op's bindings."""

    op: str
    args: tuple[tuple[str, TemplateArg], ...] = attrs.field(converter=as_pairs, metadata=MAPPING)
    results: tuple[tuple[str, str], ...] = attrs.field(converter=as_pairs, metadata=MAPPING)
    targets: tuple[On, ...] = ()
    guard: Expr | None = None


@attrs.frozen
class Native:
    """A block of ops that computes this one. Only matched, never called; its inner ops must die.

    `block` is a `graph.Block`: its inputs are the op's parameters, its values include the op's results.
    """

    block: Block
    targets: tuple[On, ...] = ()
    guard: Expr | None = None


Binding: TypeAlias = TorchCall | DeclaredCall | Native


@attrs.frozen
class Effect:
    """State outside the graph that the op touches: `effect kv_cache [read]`."""

    name: str
    read_only: bool = False


@attrs.frozen(slots=False)
class Op:
    """A declared op. `place` is `file:line` of its declaration, `ref` is `module:function` or None."""

    name: str
    params: tuple[Param, ...]
    results: tuple[Result, ...]
    bindings: tuple[Binding, ...] = ()
    where: tuple[Expr, ...] = ()
    effects: tuple[Effect, ...] = ()
    ref: str | None = None
    commutative: bool = False
    free: bool = False
    place: str = attrs.field(default="", eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "bindings", tuple(self._filled(binding) for binding in self.bindings))

    def _filled(self, binding: Binding) -> Binding:
        if not isinstance(binding, TorchCall):
            return binding
        args = self.plain_args if binding.args == UNFILLED else binding.args
        results = self.plain_results(args) if binding.results == UNFILLED else binding.results
        return attrs.evolve(binding, args=args, results=results)

    @property
    def plain_args(self) -> tuple[tuple[int | str, TemplateArg], ...]:
        """Every parameter, by position: what a binding without a template passes."""
        return tuple((index, Give(Ref(param.name))) for index, param in enumerate(self.params))

    def plain_results(self, args: tuple[tuple[int | str, TemplateArg], ...]) -> tuple[str | None, ...]:
        """The results that no argument yields, in order: what a binding's call returns unless it says otherwise."""
        in_place = {arg.result for _, arg in args if isinstance(arg, (Out, Mut))}
        return tuple(result.name for result in self.results if result.name not in in_place)

    @cached_property
    def param(self) -> dict[str, Param]:
        return {param.name: param for param in self.params}

    @cached_property
    def result(self) -> dict[str, Result]:
        return {result.name: result for result in self.results}

    @cached_property
    def first_tensor(self) -> Param | None:
        """The parameter that an arrow feeds."""
        return next((param for param in self.params if param.is_tensor), None)


# Used operands of a block's steps


@attrs.frozen
class Use:
    """A value by its name: another step's result, an input, a capture. The same name twice is the same value."""

    value: str


@attrs.frozen
class Through:
    """A value seen through `at_least` (0: `view?`, 1: `view`) or more layout ops that keep the last dim."""

    value: str
    at_least: int = 0


@attrs.frozen
class Const:
    """A number or list that must equal this expression. One unknown name in it is solved for."""

    value: Expr


@attrs.frozen
class OneOf:
    """A value that must be among these; bound to `name`."""

    name: str
    options: tuple[Expr, ...]


@attrs.frozen
class Anything:
    """`_`: not looked at and not passed on."""


@attrs.frozen
class Values:
    """A list whose items are operands: `cat([a, b])`."""

    items: tuple[Operand, ...]


Operand: TypeAlias = Use | Through | Const | OneOf | Anything | Values


@attrs.frozen
class Step:
    """One op applied. `operands` has every parameter of the op, in its order; `results` the value name of each
    result that is named, `result name -> value name`. A list result is named as `parts.0`, `parts.1`, ...

    `label` is unique in its block. `fan_out` is the name of the fan-out that the step belongs to, or None.
    `line` is the place of the step in the `.pat` file.
    """

    label: str
    op: str
    operands: tuple[tuple[str, Operand], ...] = attrs.field(converter=as_pairs, metadata=MAPPING)
    results: tuple[tuple[str, str], ...] = attrs.field(converter=as_pairs, metadata=MAPPING)
    fan_out: str | None = None
    line: int = attrs.field(default=0, eq=False)


@attrs.frozen
class ViewStep:
    """`value = view(source, dims)`: any chain of layout ops, even an empty one, with that result shape.

    An unknown dim name is solved for; `_` is `Anything()`.
    """

    value: str
    source: str
    dims: tuple[Expr | Anything, ...]
    fan_out: str | None = None
    line: int = attrs.field(default=0, eq=False)


@attrs.frozen
class FanOut:
    """`low` to `high` (None: any number) distinct branches, alike in every attribute and other operand."""

    name: str
    low: int
    high: int | None


@attrs.frozen
class Block:
    """What must be found: `inputs` (free names, in order of first use), `steps` in topological order,
    `fan_outs`.
    """

    inputs: tuple[str, ...]
    steps: tuple[Step | ViewStep, ...]
    fan_outs: tuple[FanOut, ...] = ()


def reached(
    name: str, ops: Mapping[str, Op], through: frozenset[str] = frozenset()
) -> Iterator[TorchCall | Native]:
    """The bindings of an op, those of the ops that declare it in their place. `through`: ops that lead here."""
    if name in through or name not in ops:
        return
    for binding in ops[name].bindings:
        if isinstance(binding, DeclaredCall):
            yield from reached(binding.op, ops, through | {name})
        else:
            yield binding
