"""What becomes of the values of rows: a quantisation's results, allocated and filled by one launch.

In: an op, its checked source (`Given`), the options of a quantisation. Out: new tensors with the strides that
`patdsl/reference/results.py` promises, in the order q, the sum, scales, the values kept: a bare one, or a tuple.
ValueError for options that no kernel takes.
"""

from __future__ import annotations

import torch
from torch import Tensor, empty, empty_strided

from patdsl.kernels import arguments
from patdsl.kernels.arguments import MX_GROUP
from patdsl.kernels.rows_call import GROUP, MX, NONE, STATIC, TOKEN, machine
from patdsl.kernels.rows_checks import Given, check_group, check_quant_dtype
from patdsl.kernels.rows_new import NO_STRIDES, Rows, Strides, fill

Results = Tensor | tuple[Tensor, ...]

_F32, _BYTES = torch.float32, torch.uint8
ROWS_APART = (1, 0)  # strides of one scale a row


def none(rows: Rows, given: Given, width: int = 0) -> Results:
    """The values, and the sum. `width` as in `fill`."""
    _, total, y = fill(rows, machine(rows.op, given[1]), given, NONE, None, width=width)
    return _results(y, total)


def static(rows: Rows, given: Given, scale: Tensor, quant_dtype: torch.dtype | None) -> Results:
    x = given[1]
    if scale.dtype is not _F32 or scale.numel() != 1 or scale.get_device() != x.get_device():
        arguments.check_given_scale(rows.op, scale, x)
    gpu = machine(rows.op, x)
    q, total, y = fill(rows, gpu, given, STATIC, check_quant_dtype(rows.op, quant_dtype, gpu.fp8), scale)
    return _results(q, total, y)


def token(rows: Rows, given: Given, quant_dtype: torch.dtype | None) -> Results:
    x = given[1]
    gpu = machine(rows.op, x)
    dtype = check_quant_dtype(rows.op, quant_dtype, gpu.fp8)
    scale = empty((*x.shape[:-1], 1), dtype=_F32, device=x.device)
    q, total, y = fill(rows, gpu, given, TOKEN, dtype, scale, ROWS_APART)
    return _results(q, total, scale, y)


def mx(rows: Rows, given: Given) -> Results:
    hidden, x = given[:2]
    if hidden % MX_GROUP:
        raise ValueError(f"{rows.op}: a row has {hidden} values; accepted: a multiple of {MX_GROUP}")
    gpu = machine(rows.op, x)
    groups = hidden // MX_GROUP
    scale = empty((*x.shape[:-1], groups), dtype=_BYTES, device=x.device)
    q, total, y = fill(rows, gpu, given, MX, gpu.fp8, scale, (groups, 1), group=MX_GROUP)
    return _results(q, total, scale, y)


def group(
    rows: Rows,
    given: Given,
    group_size: int,
    col_major: bool,
    ue8m0: bool,
    tma_aligned: bool,
    quant_dtype: torch.dtype | None,
) -> Results:
    hidden, x = given[:2]
    gpu = machine(rows.op, x)
    dtype = check_quant_dtype(rows.op, quant_dtype, gpu.fp8)
    groups = check_group(rows.op, group_size, hidden)
    scale, written, strides = group_scales(rows.op, x, groups, col_major, tma_aligned)
    q, total, y = fill(rows, gpu, given, GROUP, dtype, written, strides, group=group_size, ue8m0=ue8m0)
    return _results(q, total, scale if written is scale else scale.copy_(written), y)


def ragged_group(rows: Rows, given: Given, group_size: int) -> Results:
    """To fp8; the last group of a row may be short."""
    hidden, x = given[:2]
    arguments.check_group(rows.op, group_size, hidden, ragged=True)
    gpu = machine(rows.op, x)
    groups = -(-hidden // group_size)
    scale = _row_major(x, groups)
    q, total, y = fill(rows, gpu, given, GROUP, gpu.fp8, scale, (groups, 1), group=group_size)
    return _results(q, total, scale, y)


def layouts(
    rows: Rows,
    given: Given,
    group_size: int,
    ue8m0: bool,
    tma_aligned: bool,
    quant_dtype: torch.dtype | None,
) -> Results:
    """Row-major scales, then the same column-major."""
    hidden, x = given[:2]
    gpu = machine(rows.op, x)
    dtype = check_quant_dtype(rows.op, quant_dtype, gpu.fp8)
    groups = check_group(rows.op, group_size, hidden)
    scale_t, strides = _columns(rows.op, x, groups, tma_aligned)
    scale = _row_major(x, groups)
    q, total, y = fill(
        rows,
        gpu,
        given,
        GROUP,
        dtype,
        scale,
        (groups, 1),
        scale_t if strides else None,
        strides or NO_STRIDES,
        group_size,
        ue8m0,
    )
    if not strides:
        scale_t.copy_(scale)
    return _results(q, total, scale, scale_t, y)


def scale_strides(
    op: str, x: Tensor, groups: int, col_major: bool, tma_aligned: bool = False
) -> tuple[int, ...]:
    """Of f32[*B, groups] for the rows of `x`, as the reference lays it out."""
    if col_major and x.dim() < 2:
        raise ValueError(f"{op}: col_major needs x to have at least 2 dimensions, it has {x.dim()}")
    *batch, rows = x.shape[:-1] or (1,)
    if not col_major:
        strides, step = [groups, 1], groups * (rows or 1)
    else:
        pitch = (rows + 3) // 4 * 4 if tma_aligned else rows or 1
        strides, step = [1, pitch], pitch * groups
    for extent in reversed(batch):
        strides.insert(0, step)
        step *= extent if tma_aligned and col_major else extent or 1
    return tuple(strides[-x.dim() :])


def group_scales(
    op: str, x: Tensor, groups: int, col_major: bool, tma_aligned: bool
) -> tuple[Tensor, Tensor, Strides]:
    """The result; what a kernel is to write, which is another tensor where no kernel can write the result, and is then
    to be copied; and its strides from row to row and from group to group."""
    if col_major:
        scale, strides = _columns(op, x, groups, tma_aligned)
        if strides:
            return scale, scale, strides
        return scale, _row_major(x, groups), (groups, 1)
    scale = _row_major(x, groups)
    return scale, scale, (groups, 1)


def _columns(op: str, x: Tensor, groups: int, tma_aligned: bool) -> tuple[Tensor, Strides | None]:
    """Column-major scales, and their strides from row to row and from group to group. With more than one leading
    dimension rows lie in no even steps, and no kernel can write them: None."""
    strides = scale_strides(op, x, groups, True, tma_aligned)
    scale = empty_strided((*x.shape[:-1], groups), strides, dtype=_F32, device=x.device)
    return scale, (strides[0], strides[1]) if len(strides) == 2 else None


def _row_major(x: Tensor, groups: int) -> Tensor:
    return empty((*x.shape[:-1], groups), dtype=_F32, device=x.device)


def _results(*results: Tensor | None) -> Results:
    found = tuple([result for result in results if result is not None])
    return found if len(found) > 1 else found[0]
