"""The type that a declaration gives a result, once the names of its op are bound.

In: a declared type, the op's names, and a scope to compute its dims in. Out: dtype and dims. Used at matches,
where dims are sizes, and in proofs, where they are polynomials. Says nothing of strides and devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patdsl.dtypes import Dtype
from patdsl.expr import UNKNOWN, EvaluationError, Items, Scope, evaluate
from patdsl.match.found import TensorMeta
from patdsl.op_table import DtypeOf, DtypeVar, Tensor, Type


def declared_result(declared: Type, names: Mapping[str, Any], scope: Scope) -> TensorMeta | None:
    """The type, with unknown strides and no device, or None where something in it is not known."""
    if not isinstance(declared, Tensor):
        return None
    term = declared.dtype
    dtype: Any = term
    if isinstance(term, (DtypeVar, DtypeOf)):
        dtype = names.get(term.name if isinstance(term, DtypeVar) else term.parameter)
    if not isinstance(dtype, Dtype):
        return None
    try:
        dims = evaluate(Items(declared.dims), scope)
    except (EvaluationError, KeyError, TypeError):
        return None
    if dims is UNKNOWN or not all(map(may_be_size, dims)):
        return None
    return TensorMeta(dtype, dims, None, "")


def may_be_size(dim: Any) -> bool:
    """What a declaration computes may be no number: a text, a list, a remainder that only a match knows."""
    return hasattr(dim, "__mul__") and not isinstance(dim, (str, tuple))
