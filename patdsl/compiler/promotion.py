"""The dtype that torch makes of two: arithmetic between tensors, with numbers, and concatenation.

In: dtypes, or types where 0-d tensors count for less. Out: the dtype, or None where it is not known. A dtype that is
not known is taken to be floating where it meets a number; of two of these nothing is said unless they are the same.
"""

from __future__ import annotations

from typing import Any

from patdsl.dtypes import Dtype
from patdsl.match.found import TensorMeta

#: Dtypes that torch promotes among each other, the wider ones later. Others meet only themselves.
FLOATS = ("bf16", "f16", "f32", "f64")
INTS = ("u8", "i8", "i16", "i32", "i64")


def _category(dtype: Dtype) -> int:
    """bool, integer, float, or -1 for those that take no part."""
    if dtype.name == "bool":
        return 0
    return 1 if dtype.name in INTS else 2 if dtype.name in FLOATS else -1


def joined(one: Dtype, two: Dtype) -> Dtype | None:
    """The narrowest that holds both. Both must be resolved."""
    if one.name == two.name:
        return one
    low, high = sorted((one, two), key=_category)
    if _category(low) < 0:
        return None
    if _category(low) < _category(high):
        return high
    names = {one.name, two.name}
    if names == {"bf16", "f16"}:
        return Dtype("f32")
    if names == {"u8", "i8"}:
        return Dtype("i16")
    order = FLOATS if _category(high) == 2 else INTS
    return Dtype(max(names, key=order.index))


def promoted(one: TensorMeta, two: TensorMeta) -> Dtype | None:
    """Of the operands of arithmetic. A 0-d tensor counts only where its kind of number is the wider one."""
    first, second = one.dtype.resolved, two.dtype.resolved
    if first.name == second.name:
        return first
    if (not one.dims) == (not two.dims):
        return joined(first, second)
    full, lone = (second, first) if not one.dims else (first, second)
    if min(_category(full), _category(lone)) < 0:
        return None
    return full if _category(full) >= _category(lone) else lone


def with_number(dtype: Dtype, number: Any) -> Dtype:
    """Of a tensor and a number: an int for a float makes f32, a bool for an int i64."""
    known = dtype.resolved
    if isinstance(number, float) and _category(known) in (0, 1):
        return Dtype("f32")
    is_int = not isinstance(number, (bool, float))
    return Dtype("i64") if is_int and known.name == "bool" else known
