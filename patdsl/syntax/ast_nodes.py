"""The abstract syntax of a `.pat` file: what was written, nothing inferred.

Made by `text_to_ast.py`, printed by `ast_to_text.py`, resolved by `ast_to_graph.py`. Every node is frozen
and carries its span first. Later stages build their own values and never write on these.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from patdsl.source import Span

# Names


@attrs.frozen
class Name:
    """An identifier as written."""

    span: Span = attrs.field(eq=False)
    text: str


# Expressions: one language for arguments, dims, guards and `where`


@attrs.frozen
class Literal:
    """A number, string, `true`, `false` or `none`. `text` keeps the spelling (`1e-10`)."""

    span: Span = attrs.field(eq=False)
    value: int | float | bool | str | None
    text: str


@attrs.frozen
class Unary:
    """`-x` or `not x`."""

    span: Span = attrs.field(eq=False)
    operator: str
    operand: Expr


@attrs.frozen
class Binary:
    """`+ - * / %`, `== != < <= > >=`, `and`, `or`."""

    span: Span = attrs.field(eq=False)
    operator: str
    left: Expr
    right: Expr


@attrs.frozen
class Member:
    """`item in {a, b}`."""

    span: Span = attrs.field(eq=False)
    item: Expr
    options: tuple[Expr, ...]


@attrs.frozen
class ListExpr:
    """`[a, b + c]`."""

    span: Span = attrs.field(eq=False)
    items: tuple[Expr, ...]


@attrs.frozen
class TupleExpr:
    """`(rms_norm, dual)`, only as an option of a zipped pattern parameter."""

    span: Span = attrs.field(eq=False)
    items: tuple[Expr, ...]


@attrs.frozen
class Wildcard:
    """`_`: any value, not passed on."""

    span: Span = attrs.field(eq=False)


@attrs.frozen
class Star:
    """`*B`: any number of dims, in a type or in a list of dims."""

    span: Span = attrs.field(eq=False)
    name: Name


@attrs.frozen
class Argument:
    """One argument of a call, by position or as `name=value`."""

    span: Span = attrs.field(eq=False)
    name: Name | None
    value: Expr


@attrs.frozen
class FanOut:
    """`2x` (low 2, high 2), `2..4x`, `1..x` (high None)."""

    span: Span = attrs.field(eq=False)
    low: int
    high: int | None


@attrs.frozen
class Call:
    """`op(a, k=b)`, `2x op(a)`, or a function of the expression language: `rank(x)`, `ceil(a / b)`.

    `maybe` is set for `view?(x)`, the optional view of a block.
    """

    span: Span = attrs.field(eq=False)
    function: Name
    arguments: tuple[Argument, ...]
    fan_out: FanOut | None = None
    maybe: bool = False


Expr: TypeAlias = Name | Literal | Unary | Binary | Member | ListExpr | TupleExpr | Wildcard | Star | Call

# Types


@attrs.frozen
class TensorType:
    """`T[*B, H]`. `dtype` has one name, or the members of a set `{bf16, f16}[...]`."""

    span: Span = attrs.field(eq=False)
    dtype: tuple[Name, ...]
    is_set: bool
    dims: tuple[Expr, ...]


@attrs.frozen
class PlainType:
    """`int float bool str dtype tensor`; `is_list` for `int[]`, `tensor[]`."""

    span: Span = attrs.field(eq=False)
    name: Name
    is_list: bool


Type: TypeAlias = TensorType | PlainType


@attrs.frozen
class Parameter:
    """`[mut] name: type[?] [= default]`."""

    span: Span = attrs.field(eq=False)
    name: Name
    type: Type
    mutable: bool = False
    optional: bool = False
    default: Expr | None = None


@attrs.frozen
class Result:
    """`name: type` after an op's arrow."""

    span: Span = attrs.field(eq=False)
    name: Name
    type: Type


@attrs.frozen
class Target:
    """`gfx942`, `sm_90`, `cpu`; `or_newer` for `sm_90+`."""

    span: Span = attrs.field(eq=False)
    name: str
    or_newer: bool


# Bindings


@attrs.frozen
class TemplateArgument:
    """One argument of a call template.

    `kind` is `value` (`value` is an expression, or a Call of a declared op), `out` (`names[0]` is a result),
    `mut` (`names` are parameter and result, `_` for a value nobody reads), `same` (`names[0]` is a parameter)
    or `temp` (`type` is the scratch buffer's). `keyword` is the torch schema's argument name where one is
    written (`output=out q`); `view_as` the dtype of `out scale as f8e4m3fn`.
    """

    span: Span = attrs.field(eq=False)
    kind: str
    keyword: Name | None = None
    value: Expr | None = None
    names: tuple[Name, ...] = ()
    type: TensorType | None = None
    view_as: Name | None = None


@attrs.frozen
class TorchOp:
    """`ns::op` or `ns::op.overload`; `namespace` is None where a declared op is named."""

    span: Span = attrs.field(eq=False)
    namespace: Name | None
    name: Name
    overload: Name | None = None


@attrs.frozen
class Binding:
    """One way in which a graph spells an op: a torch op with an optional template, or a native block.

    Exactly one of `op` and `block` is set. `arguments` is None where no template is written; `results` None
    where no `-> (y, _)` is.
    """

    span: Span = attrs.field(eq=False)
    op: TorchOp | None
    arguments: tuple[TemplateArgument, ...] | None
    results: tuple[Name | Wildcard, ...] | None
    block: tuple[Statement, ...] | None
    targets: tuple[Target, ...]
    guard: Expr | None


# Statements and chains


@attrs.frozen
class Statement:
    """`a, _ = expr` in a block."""

    span: Span = attrs.field(eq=False)
    targets: tuple[Name | Wildcard, ...]
    value: Expr


@attrs.frozen
class ChainOp:
    """One op of a chain: `[label:] [2x] op [(arguments)] [?]`. `view` and `view?` are ChainOps too.

    `arguments` is None where no parentheses are written.
    """

    span: Span = attrs.field(eq=False)
    label: Name | None
    fan_out: FanOut | None
    function: Name
    arguments: tuple[Argument, ...] | None
    optional: bool


@attrs.frozen
class Group:
    """`(b -> c, 2x d)`: every chain is fed by what stands before the group."""

    span: Span = attrs.field(eq=False)
    chains: tuple[Chain, ...]


@attrs.frozen
class Alternatives:
    """`(a | b)`: one of these chains."""

    span: Span = attrs.field(eq=False)
    chains: tuple[Chain, ...]


@attrs.frozen
class Chain:
    """`a -> b -> 2x c`."""

    span: Span = attrs.field(eq=False)
    elements: tuple[ChainOp | Group | Alternatives, ...]


# Clauses


@attrs.frozen
class Where:
    span: Span = attrs.field(eq=False)
    condition: Expr


@attrs.frozen
class On:
    span: Span = attrs.field(eq=False)
    targets: tuple[Target, ...]


@attrs.frozen
class Keep:
    span: Span = attrs.field(eq=False)
    names: tuple[Name, ...]


@attrs.frozen
class Rounds:
    span: Span = attrs.field(eq=False)
    names: tuple[Name, ...]


@attrs.frozen
class Restride:
    span: Span = attrs.field(eq=False)
    names: tuple[Name, ...]


@attrs.frozen
class Prefer:
    """`prefer this over other`."""

    span: Span = attrs.field(eq=False)
    preferred: Name
    other: Name


@attrs.frozen
class Only:
    """`only k -> attention.key`: the sole user that may see value `k` after the rewrite."""

    span: Span = attrs.field(eq=False)
    value: Name
    op: Name
    parameter: Name


Clause: TypeAlias = Where | On | Keep | Rounds | Restride | Prefer | Only

# Declarations


@attrs.frozen
class Imported:
    """`name [as alias]`."""

    span: Span = attrs.field(eq=False)
    name: Name
    alias: Name | None


@attrs.frozen
class Import:
    """`import ops.aiter (a, b as c)`; `path` is the dotted name or the string's text.

    `items` is None where everything is imported.
    """

    span: Span = attrs.field(eq=False)
    path: str
    path_span: Span = attrs.field(eq=False)
    is_string: bool
    items: tuple[Imported, ...] | None


@attrs.frozen
class ConstValue:
    """One alternative of a const: `224.0 on gfx942`; no targets: everywhere else."""

    span: Span = attrs.field(eq=False)
    value: Expr
    targets: tuple[Target, ...]


@attrs.frozen
class Const:
    span: Span = attrs.field(eq=False)
    name: Name
    values: tuple[ConstValue, ...]


@attrs.frozen
class Host:
    """`host tp_size: int = 2` or `host supports(layer: str, what: str): bool = true`.

    `parameters` is None for a plain value. `default` is the test value.
    """

    span: Span = attrs.field(eq=False)
    name: Name
    parameters: tuple[Parameter, ...] | None
    type: PlainType
    default: Expr | None


@attrs.frozen
class Effect:
    """`effect kv_cache [read]`."""

    span: Span = attrs.field(eq=False)
    name: Name
    read_only: bool


@attrs.frozen
class Ref:
    """`ref patdsl.reference:rms_norm`."""

    span: Span = attrs.field(eq=False)
    module: str
    function: str


@attrs.frozen
class OpDecl:
    """`flags` are the bare clauses `commutative` and `free`."""

    span: Span = attrs.field(eq=False)
    name: Name
    parameters: tuple[Parameter, ...]
    results: tuple[Result, ...]
    bindings: tuple[Binding, ...]
    where: tuple[Where, ...]
    effects: tuple[Effect, ...]
    ref: Ref | None
    flags: tuple[Name, ...]


@attrs.frozen
class PatternParameter:
    """`g in {64, 128}` (one name) or `(f, g) in {(a, b), (c, d)}` (zipped)."""

    span: Span = attrs.field(eq=False)
    names: tuple[Name, ...]
    options: tuple[Expr, ...]


@attrs.frozen
class PatternDecl:
    """`left` and `right` are both a Chain or both a tuple of statements."""

    span: Span = attrs.field(eq=False)
    name: Name
    parameters: tuple[PatternParameter, ...]
    inputs: tuple[Parameter, ...]
    left: Chain | tuple[Statement, ...]
    right: Chain | tuple[Statement, ...]
    clauses: tuple[Clause, ...]


@attrs.frozen
class PassDecl:
    span: Span = attrs.field(eq=False)
    name: Name
    targets: tuple[Target, ...]
    condition: Expr | None
    after: tuple[Name, ...]
    patterns: tuple[Name, ...]


@attrs.frozen
class Expect:
    """`expect double_quant 1`."""

    span: Span = attrs.field(eq=False)
    pattern: Name
    count: int


@attrs.frozen
class TestDecl:
    span: Span = attrs.field(eq=False)
    name: str
    inputs: tuple[Parameter, ...]
    body: Chain | tuple[Statement, ...]
    expects: tuple[Expect, ...]


Declaration: TypeAlias = Import | Const | Host | OpDecl | PatternDecl | PassDecl | TestDecl


@attrs.frozen
class Comment:
    """`# ...`, kept for the formatter. `own_line` where nothing but blanks stands before it."""

    span: Span = attrs.field(eq=False)
    text: str
    own_line: bool


@attrs.frozen
class File:
    span: Span = attrs.field(eq=False)
    declarations: tuple[Declaration, ...]
    comments: tuple[Comment, ...]
