"""What the matcher finds. `N` is the carrier's node handle; nothing here knows torch.

`Value` and `Site` describe the graph in terms of declared ops; `Match` says where a pattern holds, and carries
the right side with every argument resolved, every binding chosen and every result typed, ready to be written
into the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from patdsl.dtypes import Dtype
from patdsl.graph import Pattern, Replace, RightStep, RightView
from patdsl.op_table import Binding, Op, TorchCall

N = TypeVar("N")


@attrs.frozen
class TensorMeta:
    """Type of a tensor in a graph. Dims and strides are ints or symbolic ints; `strides` None where not known."""

    dtype: Dtype
    dims: tuple[Any, ...]
    strides: tuple[Any, ...] | None
    device: str


@attrs.frozen(eq=False)
class Value(Generic[N]):
    """A tensor in the graph: output `index` of `producer`, or its only output (None).

    `holders` are the nodes that hold it: the producer itself, or every getitem of it with this index. Values
    are equal when they are the same output of the same node, or of equal free nodes (two equal splits of one
    tensor). `key` decides equality. `viewed`: no node holds the value itself; view a holder as `meta.dims` to
    have it.
    """

    producer: N
    index: int | None
    holders: tuple[N, ...]
    meta: TensorMeta | None
    key: Any
    viewed: bool = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@attrs.frozen(eq=False)
class Site(Generic[N]):
    """A place in the graph that computes a declared op.

    `args`: parameter -> `Value`, scalar, None, or tuple of these (missing for what a native block leaves open).
    `results`: result -> `Value` (with empty `holders` where nobody reads it). A list result is keyed `parts.0`,
    ... `nodes`: the nodes with a cost that compute it. `same`: values after the call that are another value
    unchanged (`same s`).
    """

    op: Op
    binding: Binding
    args: Mapping[str, Any]
    results: Mapping[str, Value[N]]
    nodes: tuple[N, ...]
    same: tuple[tuple[Value[N], Value[N]], ...] = ()


@attrs.frozen
class RightValue:
    """A value that the right side defines: its name, and the branch (counted from 0) whose own call makes it,
    or None.
    """

    name: str
    branch: int | None = None


@attrs.frozen(eq=False)
class TypedCall(Generic[N]):
    """A `RightStep` ready to be emitted.

    `args`: every declared parameter -> `Value`, `RightValue`, scalar, None, or a tuple of these.
    `flatten`: parameter -> the dims its tensor is viewed as first. `names`: the op's own dims, dtype variables and
    parameters, for the template's expressions. `results`: the type of each declared result (None: not known).
    """

    step: RightStep
    op: Op
    binding: TorchCall
    branch: int | None
    args: Mapping[str, Any]
    flatten: Mapping[str, tuple[Any, ...]]
    names: Mapping[str, Any]
    results: Mapping[str, TensorMeta | None]


@attrs.frozen(eq=False)
class TypedView(Generic[N]):
    """A `RightView` ready to be emitted: the resulting dims are known."""

    step: RightView
    branch: int | None
    source: Any
    dims: tuple[Any, ...]


@attrs.frozen(eq=False)
class Replaced(Generic[N]):
    """`old` gives way to `new`: a `RightValue`, or a `Value` that was there before (an alias). `view_as`: dims
    to view it as first.
    """

    replace: Replace
    old: Value[N]
    new: Any
    view_as: tuple[Any, ...] | None = None


@attrs.frozen(eq=False)
class Match(Generic[N]):
    """One place where `pattern` holds.

    `names`: captures and inputs (`Value`, scalar, None), left values outside fan-outs, dims, dtype variables.
    `branches`: fan-out -> one mapping of names for each branch, in graph order. `dying`: nodes with a cost that
    are dead after the rewrite. `before`: the node in front of which the replacement can stand. `redefines`: how
    many values that are used elsewhere the right side makes anew (rule 3).
    """

    pattern: Pattern
    names: Mapping[str, Any]
    branches: Mapping[str, tuple[Mapping[str, Any], ...]]
    sites: tuple[Site[N], ...]
    dying: tuple[N, ...]
    before: N
    redefines: int
    right: tuple[TypedCall[N] | TypedView[N], ...]
    replaced: tuple[Replaced[N], ...]


@attrs.frozen(eq=False)
class Refusal(Generic[N]):
    """A place where `pattern` nearly held: `rule` is `injective`, `profit`, `maximal`, `sound`, `typed`,
    `where`, or `budget` where too many ways to bind were tried."""

    pattern: Pattern
    at: N
    rule: str
    reason: str
