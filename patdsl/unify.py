"""Declared types against actual ones: binds dims and dtype variables, or says what does not fit.

In: a declared type or list of dims, the actual dims (ints, torch symbolic ints, or the prover's polynomials:
anything with `+ - * // %` and comparisons that `Scope.known` can decide) and the names bound so far. Out: the
names extended in place, and None or a sentence. Dims and integers are one namespace, so an int parameter that is
bound already takes part, and one that is not is solved for.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from patdsl.dtypes import Dtype
from patdsl.expr import (
    UNKNOWN,
    Binary,
    EvaluationError,
    Expr,
    Ref,
    Scope,
    Star,
    Unary,
    compare,
    evaluate,
    names_in,
)
from patdsl.op_table import AnyTensor, Anything, DtypeSet, DtypeTerm, DtypeVar, Plain, Type

Names = MutableMapping[str, Any]


def unify_type(
    declared: Type, dtype: Dtype | None, dims: Sequence[Any] | None, names: Names, scope: Scope
) -> str | None:
    """Fit a tensor of `dtype` and `dims` (None: not known, fits anything) to its declared type.

    `scope.names` must be `names`. Returns None where it fits, else the reason.
    """
    if isinstance(declared, AnyTensor):
        return None
    if isinstance(declared, Plain):
        return f"a tensor where {declared.kind} is declared"
    if dtype is not None:
        reason = unify_dtype(declared.dtype, dtype, names)
        if reason:
            return reason
    return unify_dims(declared.dims, dims, names, scope) if dims is not None else None


def unify_dtype(declared: DtypeTerm, actual: Dtype, names: Names) -> str | None:
    """Fit a dtype; binds a dtype variable, or the parameter of a `DtypeOf`."""
    if isinstance(declared, Dtype):
        return None if declared == actual else f"dtype {actual}, declared {declared}"
    if isinstance(declared, DtypeSet):
        if actual.among(declared.names):
            return None
        return f"dtype {actual}, declared one of {', '.join(map(str, declared.names))}"
    name = declared.name if isinstance(declared, DtypeVar) else declared.parameter
    bound = names.setdefault(name, actual)
    return None if bound == actual else f"dtype {actual}, where {name} is {bound}"


def unify_dims(
    declared: Sequence[Expr | Anything], actual: Sequence[Any], names: Names, scope: Scope
) -> str | None:
    """Fit a list of dims with at most one `*B` among them.

    Names that occur alone, or once in a sum or product, are solved for.
    """
    actual = tuple(actual)
    stars = [index for index, dim in enumerate(declared) if isinstance(dim, Star)]
    if not stars:
        if len(declared) != len(actual):
            return f"rank {len(actual)}, declared rank {len(declared)}"
        return _fit_all(list(zip(declared, actual, strict=True)), names, scope)
    at = stars[0]
    after = len(declared) - at - 1
    if len(actual) < at + after:
        return f"rank {len(actual)}, declared rank at least {at + after}"
    end = len(actual) - after
    star = declared[at]
    assert isinstance(star, Star)
    reason = _fit_star(star.name, actual[at:end], names, scope)
    if reason:
        return reason
    pairs = [
        *zip(declared[:at], actual[:at], strict=True),
        *zip(declared[at + 1 :], actual[end:], strict=True),
    ]
    return _fit_all(pairs, names, scope)


def _fit_star(name: str, actual: tuple[Any, ...], names: Names, scope: Scope) -> str | None:
    bound = names.setdefault(name, actual)
    if len(bound) != len(actual):
        return f"dims {_show(actual)}, where *{name} is {_show(bound)}"
    for one, other in zip(bound, actual, strict=True):
        if compare("==", one, other, scope) is not True:
            return f"dims {_show(actual)}, where *{name} is {_show(bound)}"
    return None


def _fit_all(pairs: list[tuple[Expr | Anything, Any]], names: Names, scope: Scope) -> str | None:
    pending = [(dim, actual) for dim, actual in pairs if not isinstance(dim, Anything)]
    while pending:
        later = []
        for dim, actual in pending:
            if isinstance(dim, Ref) and dim.name not in names:
                names[dim.name] = actual
                continue
            unknown = [name for name in names_in(dim) if name not in names]
            if len(unknown) > 1:
                later.append((dim, actual))
                continue
            reason = fit(dim, actual, names, scope)
            if reason:
                return reason
        if len(later) == len(pending):
            unknown = [name for name in names_in(later[0][0]) if name not in names]
            return f"cannot solve for {' and '.join(unknown)}"
        pending = later
    return None


def fit(expr: Expr, actual: Any, names: Names, scope: Scope) -> str | None:
    """Make `expr` equal `actual`: by solving for its one unbound name, or by comparing."""
    unknown = [name for name in names_in(expr) if name not in names]
    try:
        if len(unknown) == 1:
            return _solve(expr, actual, unknown[0], names, scope)
        value = evaluate(expr, scope)
        same = value is not UNKNOWN and actual is not UNKNOWN and compare("==", value, actual, scope)
    except EvaluationError as error:
        return str(error)
    return None if same is True else f"{_show(actual)}, expected {_show(value)}"


def _solve(expr: Expr, actual: Any, unknown: str, names: Names, scope: Scope) -> str | None:
    """Invert `expr` step by step down to the unbound name."""
    while not isinstance(expr, Ref):
        if isinstance(expr, Unary) and expr.op == "-":
            expr, actual = expr.operand, -actual
            continue
        if not isinstance(expr, Binary) or expr.op not in "+-*/":
            return f"cannot solve for {unknown}"
        in_left = unknown in names_in(expr.left)
        if in_left and unknown in names_in(expr.right):
            return f"cannot solve for {unknown}"
        known = evaluate(expr.right if in_left else expr.left, scope)
        actual = _invert(expr.op, in_left, known, actual, scope)
        if actual is None or actual is UNKNOWN:
            return f"cannot solve for {unknown}"
        expr = expr.left if in_left else expr.right
    names[expr.name] = actual
    return None


def _invert(op: str, in_left: bool, known: Any, actual: Any, scope: Scope) -> Any:
    if known is UNKNOWN:
        return UNKNOWN
    if op == "+":
        return actual - known
    if op == "-":
        return actual + known if in_left else known - actual
    dividend, divisor = (actual, known) if op == "*" else (known, actual)
    if op == "/" and in_left:
        return actual * known
    if isinstance(divisor, (int, float)) and divisor == 0:
        return None
    if isinstance(dividend, float) or isinstance(divisor, float):
        return dividend / divisor
    exact = compare("==", dividend % divisor, 0, scope)
    return dividend // divisor if exact is True else None


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)
