"""rms_norm, or the add and rms_norm, with group quantisation: the ops on GPUs.

In: tensors on one GPU. Out: new tensors (`_out`: the caller's, filled), by one launch on the current stream of that
GPU. The meaning is that of `patdsl/reference`; the weight must have the dtype of `x`. Rows may be strided; a tensor
whose leading dimensions do not merge, or whose last one is not dense, is copied first.
"""

from __future__ import annotations

import struct

import torch
from torch import Tensor

from patdsl.kernels import arguments, library
from patdsl.kernels.arguments import DTYPES, MAX_HIDDEN, MAX_ROWS
from patdsl.kernels.errors import KernelError

GROUPS = (32, 64, 128)
# The fields of PatdslNormGroupQuantCall in kernels/src/norm_group_quant_launch.h.
_pack = struct.Struct("=7Q3q7qd3qQ").pack
_formats: dict[int, torch.dtype] = {}


def rms_norm_group_quant(
    x: Tensor, weight: Tensor, epsilon: float, group_size: int, col_major: bool = False
) -> tuple[Tensor, Tensor]:
    """Out: q fp8[*B, H], scale f32[*B, H / group_size]."""
    op = "rms_norm_group_quant"
    q, scale = _results(op, x, None, weight, group_size, col_major)
    _launch(op, x, None, weight, q, scale, None, None, epsilon, group_size)
    return q, scale


def rms_norm_group_quant_keep(
    x: Tensor, weight: Tensor, epsilon: float, group_size: int, col_major: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Out: q, scale, and the norm T[*B, H]."""
    op = "rms_norm_group_quant_keep"
    q, scale = _results(op, x, None, weight, group_size, col_major)
    keep = x.new_empty(x.shape)
    _launch(op, x, None, weight, q, scale, keep, None, epsilon, group_size)
    return q, scale, keep


def add_rms_norm_group_quant(
    x: Tensor, residual: Tensor, weight: Tensor, epsilon: float, group_size: int, col_major: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Out: q, the sum T[*B, H], scale."""
    op = "add_rms_norm_group_quant"
    q, scale = _results(op, x, residual, weight, group_size, col_major)
    residual_out = x.new_empty(x.shape)
    _launch(op, x, residual, weight, q, scale, None, residual_out, epsilon, group_size)
    return q, residual_out, scale


def add_rms_norm_group_quant_keep(
    x: Tensor, residual: Tensor, weight: Tensor, epsilon: float, group_size: int, col_major: bool = False
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Out: q, the sum T[*B, H], scale, and the norm T[*B, H]."""
    op = "add_rms_norm_group_quant_keep"
    q, scale = _results(op, x, residual, weight, group_size, col_major)
    residual_out, keep = x.new_empty(x.shape), x.new_empty(x.shape)
    _launch(op, x, residual, weight, q, scale, keep, residual_out, epsilon, group_size)
    return q, residual_out, scale, keep


def rms_norm_group_quant_out(
    q: Tensor,
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    epsilon: float,
    group_size: int,
    col_major: bool = False,
) -> None:
    """Fills `q` and `scale`. `scale` has the strides that `col_major` says; `q` is contiguous."""
    op = "rms_norm_group_quant_out"
    _check(op, x, None, weight, group_size, col_major)
    shape = (*x.shape[:-1], x.shape[-1] // group_size)
    arguments.check_result(op, "q", q, tuple(x.shape), _format(x.get_device()), x)
    arguments.check_result(op, "scale", scale, shape, torch.float32, x)
    if not q.is_contiguous():
        raise ValueError(f"{op}: q has strides {q.stride()}; accepted: contiguous")
    if not (scale.transpose(-1, -2) if col_major else scale).is_contiguous():
        order = "column-major" if col_major else "row-major"
        raise ValueError(f"{op}: scale has strides {scale.stride()}; accepted: dense, {order}")
    arguments.check_apart(op, {"q": q, "scale": scale}, {"x": x, "weight": weight})
    _launch(op, x, None, weight, q, scale, None, None, epsilon, group_size)


def _results(
    op: str, x: Tensor, residual: Tensor | None, weight: Tensor, group_size: int, col_major: bool
) -> tuple[Tensor, Tensor]:
    """q and the scales, of checked arguments."""
    _check(op, x, residual, weight, group_size, col_major)
    shape = x.shape
    q = x.new_empty(shape, dtype=_format(x.get_device()))
    groups = shape[-1] // group_size
    if col_major:
        scale = x.new_empty((*shape[:-2], groups, shape[-2]), dtype=torch.float32).transpose(-1, -2)
    else:
        scale = x.new_empty((*shape[:-1], groups), dtype=torch.float32)
    return q, scale


def _format(device: int) -> torch.dtype:
    found = _formats.get(device)
    if found is None:
        found = _formats[device] = library.fp8_dtype(library.device_arch(device))
    return found


def _check(
    op: str, x: Tensor, residual: Tensor | None, weight: Tensor, group_size: int, col_major: bool
) -> None:
    """Raises ValueError for what the kernel does not take: one condition where all is well."""
    shape, dtype, device = x.shape, x.dtype, x.device
    hidden = shape[-1] if shape else 0
    if (
        dtype in DTYPES
        and 1 <= hidden <= MAX_HIDDEN
        and group_size in GROUPS
        and hidden % group_size == 0
        and x.numel() <= MAX_ROWS * hidden
        and weight.dtype == dtype
        and weight.shape == shape[-1:]
        and weight.device == device
        and (residual is None or residual.dtype == dtype)
        and (residual is None or residual.shape == shape)
        and (residual is None or residual.device == device)
        and (not col_major or len(shape) == 2)
    ):
        return
    arguments.check_rows(op, "x", x)
    if residual is not None:
        arguments.check_like(op, "residual", residual, x)
    arguments.check_weight(op, weight, x)
    if group_size not in GROUPS:
        raise ValueError(f"{op}: group_size is {group_size}; accepted: {', '.join(map(str, GROUPS))}")
    if hidden % group_size:
        raise ValueError(
            f"{op}: the last dimension of x is {hidden}; accepted: a multiple of group_size {group_size}"
        )
    raise ValueError(f"{op}: col_major with x of {x.dim()} dimensions; accepted: 2")


def _launch(
    op: str,
    x: Tensor,
    residual: Tensor | None,
    weight: Tensor,
    q: Tensor,
    scale: Tensor,
    keep: Tensor | None,
    residual_out: Tensor | None,
    epsilon: float,
    group_size: int,
    config: int = 0,
) -> None:
    """One launch. The results are contiguous but for column-major scales; `config` is the C call's."""
    hidden = x.shape[-1]
    rows = x.numel() // hidden
    if rows == 0:
        return
    x = _rows_of(x, rows, hidden)
    if residual is not None:
        residual = _rows_of(residual, rows, hidden)
    if weight.stride(0) != 1:
        weight = weight.contiguous()
    groups = hidden // group_size
    # Row-major scales of any rank are rows of `groups`; column-major ones have rank 2.
    scale_strides = (groups, 1) if scale.dim() != 2 else scale.stride()
    device = x.get_device()
    call = _pack(
        x.data_ptr(),
        0 if residual is None else residual.data_ptr(),
        weight.data_ptr(),
        q.data_ptr(),
        scale.data_ptr(),
        0 if keep is None else keep.data_ptr(),
        0 if residual_out is None else residual_out.data_ptr(),
        rows,
        hidden,
        group_size,
        x.stride(0),
        0 if residual is None else residual.stride(0),
        hidden,
        hidden,
        hidden,
        *scale_strides,
        epsilon,
        DTYPES[x.dtype],
        config,
        device,
        _stream(device),
    )
    result = library.function("patdsl_norm_group_quant", device)(call)
    if result != 0:
        raise KernelError(
            f"{op}: no kernel takes {rows} rows of {hidden} with group_size {group_size} and config {config}"
            if result < 0
            else f"{op}: the GPU runtime gave error {result} at the launch on {x.device}"
        )


def _rows_of(x: Tensor, rows: int, hidden: int) -> Tensor:
    """`x` as a matrix with dense rows: a view where there is one, else a copy."""
    if x.dim() != 2:
        x = x.reshape(rows, hidden)
    return x if x.stride(1) == 1 or hidden == 1 else x.contiguous()


def _stream(device: int) -> int:
    """The current stream of a GPU, as the runtime's number for it."""
    return int(torch._C._cuda_getCurrentRawStream(device))
