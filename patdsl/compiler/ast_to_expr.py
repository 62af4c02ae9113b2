"""Expressions, types and targets: from syntax to resolved values.

In: AST expressions and a `Names` that knows what each name means where the expression stands. Out: `expr.Expr`,
`op_table.Type`, `op_table.On`. Reports unknown names and functions, wrong arity, unknown targets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import attrs

from patdsl.compiler.imports import LoadedFile, unknown_name
from patdsl.compiler.near_names import suggestion
from patdsl.diagnostic import Diagnostics, Note
from patdsl.dtypes import NAMES, Dtype, is_dtype
from patdsl.expr import Binary, Expr, Func, Items, Lit, Member, Ref, Star, Unary
from patdsl.op_table import AnyTensor, DtypeOf, DtypeSet, DtypeTerm, DtypeVar, On, Plain, Tensor, Type
from patdsl.syntax import ast_nodes as ast

_ARGUMENTS = "abcdefghijklmnopqrstuvwxyz"

#: Function -> number of arguments.
ARITY = {
    "ceil": (1, 1),
    "float": (1, 1),
    "int": (1, 1),
    "bool": (1, 1),
    "abs": (1, 1),
    "min": (2, 2),
    "max": (2, 2),
    "dtype": (1, 1),
    "rank": (1, 1),
    "numel": (1, 1),
    "contiguous": (1, 1),
    "device": (1, 1),
    "shape": (1, 1),
    "size": (2, 2),
}

#: torch's own limit.
MOST_DIMS = 64

TARGETS = ("cpu", "gfx942", "gfx950", "sm_80", "sm_90", "sm_100")
TARGET = re.compile(r"cpu|gfx[0-9a-f]{3,5}|sm_[0-9]{2,3}")


@attrs.define
class Names:
    """What names mean in an expression: `local` ones (dims, parameters, captures), then the file's consts and hosts.

    `open_names`: a name that nothing declares is accepted (a new dim, a capture); `replaced` maps a name to the
    expression that stands for it (pattern parameters).
    """

    file: LoadedFile
    diagnostics: Diagnostics
    local: Callable[[str], bool] = lambda name: False
    known_local: Callable[[], Iterable[str]] = tuple
    open_names: bool = False
    replaced: dict[str, Expr] = attrs.Factory(dict)

    def entity_kind(self, name: str) -> str | None:
        entity = self.file.lookup(name)
        return entity.kind if entity else None


def resolve_expr(expr: ast.Expr, names: Names) -> Expr:
    """The resolved expression. What does not resolve is reported and becomes `Lit(None)`."""
    if isinstance(expr, ast.Literal):
        return Lit(expr.value)
    if isinstance(expr, ast.Name):
        return _name(expr, names)
    if isinstance(expr, ast.Unary):
        operand = resolve_expr(expr.operand, names)
        if expr.operator == "-" and isinstance(operand, Lit) and type(operand.value) in (int, float):
            return Lit(-operand.value)  # a negative number is a number
        return Unary(expr.operator, operand)
    if isinstance(expr, ast.Binary):
        return Binary(expr.operator, resolve_expr(expr.left, names), resolve_expr(expr.right, names))
    if isinstance(expr, ast.Member):
        return Member(
            resolve_expr(expr.item, names), tuple(resolve_expr(option, names) for option in expr.options)
        )
    if isinstance(expr, ast.ListExpr):
        return Items(tuple(resolve_expr(item, names) for item in expr.items))
    if isinstance(expr, ast.Star):
        return Star(expr.name.text)
    if isinstance(expr, ast.Call):
        return _call(expr, names)
    what = "`_`" if isinstance(expr, ast.Wildcard) else "a tuple"
    names.diagnostics.add(
        "PAT112", expr.span, f"{what} has no value here", help="write a name, a number or an expression"
    )
    return Lit(None)


def _name(name: ast.Name, names: Names) -> Expr:
    text = name.text
    if text in names.replaced:
        return names.replaced[text]
    if names.local(text):
        return Ref(text)
    if is_dtype(text):
        return Lit(Dtype(text))
    kind = names.entity_kind(text)
    if kind in ("const", "host"):
        return Ref(text)
    if names.open_names and kind != "op":
        return Ref(text)
    known = [*names.known_local(), *names.file.known("const", "host")]
    unknown_name(names.file, name.span, "name", text, known)
    return Lit(None)


def _call(call: ast.Call, names: Names) -> Expr:
    name = call.function.text
    entity = names.file.lookup(name)
    is_host = entity is not None and isinstance(entity.decl, ast.Host) and entity.decl.parameters is not None
    if name not in ARITY and not is_host:
        hint = suggestion(name, [*ARITY, *names.file.known("host")])
        names.diagnostics.add(
            "PAT108",
            call.function.span,
            f"`{name}` is not a function of expressions",
            help=hint or f"functions: {', '.join(ARITY)}, and declared host functions",
        )
        return Lit(None)
    low, high = ARITY.get(name, (0, 0))
    if is_host:
        assert entity is not None
        assert isinstance(entity.decl, ast.Host)
        low = high = len(entity.decl.parameters or ())
    if not low <= len(call.arguments) <= high:
        names.diagnostics.add(
            "PAT109",
            call.span,
            f"`{name}` takes {low} argument{'s' * (low != 1)}, got {len(call.arguments)}",
            notes=[Note("declared here", entity.decl.name.span)] if is_host and entity is not None else [],
            help=f"write {name}({', '.join(_ARGUMENTS[:low])})",
        )
        return Lit(None)
    if name == "ceil":
        inside = call.arguments[0].value
        if isinstance(inside, ast.Binary) and inside.operator == "/":
            # ceil(a / b) is the one division that need not be exact.
            return Func("ceil_div", (resolve_expr(inside.left, names), resolve_expr(inside.right, names)))
    return Func(name, tuple(resolve_expr(argument.value, names) for argument in call.arguments))


def resolve_targets(targets: Iterable[ast.Target], diagnostics: Diagnostics) -> tuple[On, ...]:
    """`on gfx942, sm_90+`."""
    found = []
    for target in targets:
        if not TARGET.fullmatch(target.name):
            diagnostics.add(
                "PAT110",
                target.span,
                f"unknown target `{target.name}`",
                help=suggestion(target.name, TARGETS) or f"targets: {', '.join(TARGETS)}, ...",
            )
        elif target.or_newer and not target.name.startswith("sm_"):
            diagnostics.add(
                "PAT110",
                target.span,
                f"`{target.name}+` has no meaning: only `sm_` targets are ordered",
                help=f"list each target: {target.name}, ...",
            )
        else:
            found.append(On(target.name, target.or_newer))
    return tuple(found)


def resolve_type(written: ast.Type, names: Names, dtype_parameters: Iterable[str] = ()) -> Type:
    """A declared type. `dtype_parameters`: the op's parameters of type `dtype`, usable as result dtypes."""
    if isinstance(written, ast.PlainType):
        name = written.name.text
        if name == "tensor" and not written.is_list:
            return AnyTensor()
        return Plain(name, written.is_list)
    if len(written.dims) > MOST_DIMS:
        names.diagnostics.add(
            "PAT211",
            written.span,
            f"{len(written.dims):,} dims, more than the {MOST_DIMS} that a tensor can have",
            help="`*B` stands for any number of dims",
        )
        return AnyTensor()
    dtype = _dtype_term(written, names, frozenset(dtype_parameters))
    stars = [dim for dim in written.dims if isinstance(dim, ast.Star)]
    if len(stars) > 1:
        names.diagnostics.add(
            "PAT111",
            stars[1].span,
            f"`*{stars[1].name.text}` is the second variadic dim of this type: nothing says where one ends",
            notes=[Note("the first", stars[0].span)],
            help="keep one of them, and name the other dims",
        )
    open_names = attrs.evolve(names, open_names=True)
    dims = tuple(resolve_expr(dim, open_names) for dim in written.dims)
    for place, dim in zip(written.dims, dims, strict=True):
        if _is_no_size(dim) or (isinstance(place, ast.Literal) and place.value is None):
            names.diagnostics.add(
                "PAT302",
                place.span,
                f"a dim is a size; `{place.span.text}` is none",
                help="write a name, a whole number, or what is computed of these: 2 * D, H / 128",
            )
    return Tensor(dtype, dims)


def _is_no_size(dim: Expr) -> bool:
    """Is this no whole number, whatever its names stand for?"""
    if isinstance(dim, Lit):
        return type(dim.value) is not int and dim.value is not None  # none stands for what was reported
    if isinstance(dim, Binary):
        return dim.op not in "+-*/%" or _is_no_size(dim.left) or _is_no_size(dim.right)
    if isinstance(dim, Unary):
        return dim.op != "-" or _is_no_size(dim.operand)
    return isinstance(dim, (Member, Items))


def _dtype_term(written: ast.TensorType, names: Names, dtype_parameters: frozenset[str]) -> DtypeTerm:
    if written.is_set:
        for name in written.dtype:
            if not is_dtype(name.text):
                unknown_name(names.file, name.span, "dtype", name.text, NAMES)
        return DtypeSet(tuple(Dtype(name.text) for name in written.dtype))
    only = written.dtype[0].text
    if is_dtype(only):
        return Dtype(only)
    return DtypeOf(only) if only in dtype_parameters else DtypeVar(only)
