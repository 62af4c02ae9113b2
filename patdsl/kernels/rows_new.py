"""One launch of a row kernel into new tensors.

In: checked arguments (`Given`), scales that are allocated already. Out: the other results, contiguous. Rows of the
arguments may be strided; a tensor whose leading dimensions do not merge, or whose last one is not dense, is copied
first.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, empty, empty_like

from patdsl.kernels.errors import raise_failure
from patdsl.kernels.rows_call import HALVES, Machine, dense_rows, pack
from patdsl.kernels.rows_checks import Given

Strides = tuple[int, int]
NO_STRIDES: Strides = (0, 0)
_DENSE = torch.contiguous_format
_F16, _INT8 = torch.float16, torch.int8


class Rows(NamedTuple):
    """What is known of an op before it is called: its name, source, whether it gives the sum and keeps the values."""

    op: str
    source: int
    sums: bool = False
    keep: bool = False


def fill(
    rows: Rows,
    gpu: Machine,
    given: Given,
    quant: int,
    dtype: torch.dtype | None,
    scale: Tensor | None = None,
    scale_strides: Strides = NO_STRIDES,
    scale2: Tensor | None = None,
    scale2_strides: Strides = NO_STRIDES,
    group: int = 0,
    ue8m0: bool = False,
    width: int = 0,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """q of `dtype`, the sum, and the values, `width` (`hidden` where 0) wide; each None where the op has none.

    The launch goes to the current stream of the GPU that x is on. Without a row there is none.
    """
    op, source, sums, keep = rows
    hidden, x, other, weight, epsilon, variance_size, gemma = given
    q = total = y = None
    if source < HALVES and not width:
        columns = width = hidden
        if dtype is not None:
            q = empty_like(x, dtype=dtype, memory_format=_DENSE)
        if keep:
            y = empty_like(x, memory_format=_DENSE)
    else:
        columns = 2 * hidden if source >= HALVES else hidden
        width = width or hidden
        lead, device = x.shape[:-1], x.device
        if dtype is not None:
            q = empty((*lead, hidden), dtype=dtype, device=device)
        if keep:
            y = empty((*lead, width), dtype=x.dtype, device=device)
    if sums:
        total = empty_like(x, memory_format=_DENSE)
    count = x.numel() // columns
    if count == 0:
        return q, total, y
    x_stride = other_stride = columns
    if not x.is_contiguous():
        x, x_stride = dense_rows(x, count, columns)
    if other is not None and not other.is_contiguous():
        other, other_stride = dense_rows(other, count, columns)
    if weight is not None and not weight.is_contiguous():
        weight = weight.contiguous()
    x_dtype, index = x.dtype, x.get_device()
    result = gpu.rows(
        pack(
            x.data_ptr(),
            0 if other is None else other.data_ptr(),
            0 if weight is None else weight.data_ptr(),
            0 if q is None else q.data_ptr(),
            0 if scale is None else scale.data_ptr(),
            0 if scale2 is None else scale2.data_ptr(),
            0 if y is None else y.data_ptr(),
            0 if total is None else total.data_ptr(),
            count,
            hidden,
            width,
            variance_size or hidden,
            x_stride,
            other_stride,
            hidden,
            width,
            hidden,
            *scale_strides,
            *scale2_strides,
            epsilon,
            source,
            quant,
            group,
            ue8m0,
            weight is not None and weight.dtype is not x_dtype,
            gemma,
            dtype is _INT8,
            x_dtype is _F16,
            0,
            index,
            gpu.stream(index),
        )
    )
    if result != 0:
        raise_failure(op, result, x, f"{count} rows of {hidden}, written {width} wide")
    return q, total, y
