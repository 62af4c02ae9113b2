"""Which torch ops cost nothing, and which of them only give the same elements another shape.

In: op names (`ns::op.overload`) and types. Out: sets, and `changes_nothing`. What is decided from types holds
only where it is statically known. Moves no node and reads no graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from patdsl.expr import UNKNOWN
from patdsl.match.found import TensorMeta


def _aten(*names: str) -> frozenset[str]:
    return frozenset(f"aten::{name if '.' in name else name + '.default'}" for name in names)


#: The result has the elements of the first argument in the same row-major order.
RESHAPES = _aten(
    "view",
    "reshape",
    "_unsafe_view",
    "_reshape_alias",
    "view_copy",
    "_reshape_copy",
    "flatten.using_ints",
    "unflatten.int",
    "unsqueeze",
    "unsqueeze_copy",
    "squeeze",
    "squeeze.dim",
    "squeeze.dims",
    "view_as",
    "reshape_as",
)

#: The result is the first argument where the types are equal.
SAME_IF_TYPE_IS = (
    _aten(
        "alias",
        "detach",
        "contiguous",
        "clone",
        "_to_copy",
        "to.dtype",
        "to.device",
        "to.dtype_layout",
        "permute",
        "transpose.int",
        "t",
        "expand",
        "slice.Tensor",
        "narrow",
        "lift_fresh",
        "type_as",
    )
    | frozenset({"prims::convert_element_type.default", "prims::view_of.default"})
)  # fmt: skip

#: Views of another shape or of a part, and buffers: free, whatever they do.
ALWAYS_FREE = (
    RESHAPES
    | _aten(
        "alias",
        "detach",
        "permute",
        "transpose.int",
        "t",
        "expand",
        "expand_as",
        "slice.Tensor",
        "narrow",
        "select.int",
        "split.Tensor",
        "split.sizes",
        "split_with_sizes",
        "chunk",
        "unbind.int",
        "tensor_split.sections",
        "as_strided",
        "diagonal",
        "movedim.int",
        "swapaxes",
        "unfold",
        "view.dtype",
        "lift_fresh",
        "empty.memory_format",
        "empty_strided",
        "empty_like",
        "empty_permuted",
        "new_empty",
        "new_empty_strided",
        "zeros",
        "zeros_like",
        "new_zeros",
        "ones",
        "ones_like",
        "new_ones",
        "full",
        "full_like",
        "new_full",
        "sym_size.int",
        "sym_stride.int",
        "sym_numel",
        "sym_storage_offset",
    )
    | frozenset({"prims::view_of.default"})
)

#: May share memory with their first argument though their schema does not say so.
MAY_ALIAS = _aten(
    "contiguous", "to.dtype", "to.device", "to.dtype_layout", "reshape", "flatten.using_ints", "_unsafe_view"
)

Known = Callable[[Any], Any]


def same_number(one: Any, other: Any, known: Known) -> bool:
    """Statically known to be equal."""
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    return known(one == other) is True


def same_numbers(one: tuple[Any, ...], other: tuple[Any, ...], known: Known) -> bool:
    return len(one) == len(other) and all(same_number(a, b, known) for a, b in zip(one, other, strict=True))


def changes_nothing(before: TensorMeta | None, after: TensorMeta | None, known: Known) -> bool:
    """Equal dtype, device, dims and strides, all statically known."""
    if before is None or after is None or before.strides is None or after.strides is None:
        return False
    return (
        before.dtype == after.dtype
        and before.device == after.device
        and same_numbers(before.dims, after.dims, known)
        and same_numbers(before.strides, after.strides, known)
    )


def is_contiguous(meta: TensorMeta, known: Known) -> Any:
    """True, False or UNKNOWN. Dims of size 1 may have any stride."""
    if meta.strides is None:
        return UNKNOWN
    expected: Any = 1
    for dim, stride in reversed(list(zip(meta.dims, meta.strides, strict=True))):
        if same_number(dim, 1, known):
            continue
        equal = known(stride == expected) if not isinstance(stride, bool) else False
        if equal is not True:
            return equal
        expected = expected * dim
    return True


def contiguous_strides(dims: tuple[Any, ...]) -> tuple[Any, ...]:
    """Row-major strides, with dims of size 0 counted as 1 as torch does."""
    strides: list[Any] = []
    step: Any = 1
    for dim in reversed(dims):
        strides.append(step)
        step = step * (dim if not isinstance(dim, int) or dim > 0 else 1)
    return tuple(reversed(strides))


def numel(dims: tuple[Any, ...]) -> Any:
    total: Any = 1
    for dim in dims:
        total = total * dim
    return total
