"""The resolved pattern: what to find, what to put in its place, and on which conditions.

Made by `ast_to_graph.py`, completed by `graph_to_plan.py` (examples, proofs), written as constructor calls
into a compiled module, read by the matcher and the rewrite. One listing, all of it frozen, free of torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from patdsl.dtypes import Dtype
from patdsl.expr import Expr
from patdsl.op_table import MAPPING, Block, Const, On, Op, Type, Use, Values, as_pairs

# The right side


RightOperand: TypeAlias = Use | Const | Values


@attrs.frozen
class RightStep:
    """One op to call. `args` has the parameters to pass, by name; `results` the value name of each result used.

    A parameter listed in `flatten` takes fewer dims than the value may have: its leading dims are merged
    first. `fan_out` names the fan-out for whose every branch the call is made anew; None: once.
    """

    op: str
    args: tuple[tuple[str, RightOperand], ...] = attrs.field(converter=as_pairs, metadata=MAPPING)
    results: tuple[tuple[str, str], ...] = attrs.field(converter=as_pairs, metadata=MAPPING)
    flatten: tuple[str, ...] = ()
    fan_out: str | None = None
    line: int = attrs.field(default=0, eq=False)


@attrs.frozen
class RightView:
    """`value = view(source, dims)`. `dims` is a list expression; one item may be `Ref("_")`, the dim that is
    left over.
    """

    value: str
    source: str
    dims: Expr
    fan_out: str | None = None
    line: int = attrs.field(default=0, eq=False)


@attrs.frozen
class Replace:
    """A left value and the right value that takes its place.

    `view`: the two may differ in their leading dims, and the right one is viewed as the left one. `branch` is
    the fan-out that the left value belongs to: every branch's value is replaced, by its own call's result or
    by the shared one.
    """

    left: str
    right: str
    view: bool = False
    fan_out: str | None = None


@attrs.frozen
class Only:
    """After the rewrite, value `value` may only be seen by parameter `param` of op `op`."""

    value: str
    op: str
    param: str


@attrs.frozen
class Input:
    """A free name of the left side, and its type where the pattern or the op's declaration gives one."""

    name: str
    type: Type | None = None


@attrs.frozen
class Example:
    """An example input. `value` is a scalar; else the tensor has these `dims` and this `dtype`."""

    name: str
    dims: tuple[int, ...] | None = None
    dtype: Dtype | None = None
    value: Any = None


@attrs.frozen(slots=False)
class Pattern:
    """One variant of one pattern.

    `name` is the pattern's, `variant` tells its variants apart ("" where there is one). `where` holds the
    pattern's own conditions; the called ops' conditions are read from their declarations. `over` names the
    patterns that this one is preferred over. `keep` names left values whose ops stay; `rounds` and `restride`
    are the declared differences.
    """

    name: str
    left: Block
    right: tuple[RightStep | RightView, ...]
    replaces: tuple[Replace, ...]
    inputs: tuple[Input, ...]
    examples: tuple[Example, ...] = ()
    variant: str = ""
    where: tuple[Expr, ...] = ()
    targets: tuple[On, ...] = ()
    keep: tuple[str, ...] = ()
    rounds: tuple[str, ...] = ()
    restride: tuple[str, ...] = ()
    only: tuple[Only, ...] = ()
    over: tuple[str, ...] = ()
    place: str = attrs.field(default="", eq=False)

    @property
    def full_name(self) -> str:
        return f"{self.name}[{self.variant}]" if self.variant else self.name


@attrs.frozen
class ConstValue:
    """A constant's value on some targets; no targets: wherever no other value applies."""

    value: Any
    targets: tuple[On, ...] = ()


@attrs.frozen
class HostValue:
    """A value that the integration supplies. `kind` is its type, `params` the kinds of a host function's
    parameters.
    """

    name: str
    kind: str
    params: tuple[str, ...] | None = None
    default: Any = None


@attrs.frozen
class PassSpec:
    """A `pass` declaration with everything that it needs."""

    name: str
    patterns: tuple[Pattern, ...]
    ops: Mapping[str, Op]
    consts: Mapping[str, tuple[ConstValue, ...]] = attrs.Factory(dict)
    hosts: tuple[HostValue, ...] = ()
    targets: tuple[On, ...] = ()
    when: Expr | None = None
    after: tuple[str, ...] = ()
