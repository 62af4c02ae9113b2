"""The two norms of latent attention in one launch: the ops on GPUs.

In: q: T[*B, Q] and kv: T[*B, C] on one GPU, often two slices of one row. Out: new tensors, by one launch on the current
stream of that GPU: the norm of q, also quantised, and that of kv. The meaning is that of `patdsl/reference`; T and the
weights as for the other row ops.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, empty, empty_like

from patdsl.kernels.errors import raise_failure
from patdsl.kernels.rows_call import GROUP, NONE, NORM, TOKEN, Machine, dense_rows, machine, pack
from patdsl.kernels.rows_checks import check_group, check_norm
from patdsl.kernels.rows_new import NO_STRIDES, Strides
from patdsl.kernels.rows_quant import ROWS_APART, group_scales

_F32 = torch.float32
_DENSE = torch.contiguous_format
_Q_NAMES, _KV_NAMES = ("q", "", "q_weight"), ("kv", "", "kv_weight")


class Half(NamedTuple):
    """One of the norms: its rows, and what is written. `strides` of scales: from row to row, from group to group."""

    x: Tensor
    weight: Tensor
    epsilon: float
    quant: int
    q: Tensor | None
    scale: Tensor | None
    strides: Strides
    group: int
    ue8m0: bool
    y: Tensor | None


def mla_dual_rms_norm(
    q: Tensor, q_weight: Tensor, kv: Tensor, kv_weight: Tensor, q_epsilon: float, kv_epsilon: float
) -> tuple[Tensor, Tensor]:
    """Out: the norms, T[*B, Q] and T[*B, C]."""
    op = "mla_dual_rms_norm"
    _check(op, q, q_weight, kv, kv_weight)
    gpu = machine(op, q, "q")
    q_n, kv_n = (empty_like(x, memory_format=_DENSE) for x in (q, kv))
    launch(op, gpu, plain(q, q_weight, q_epsilon, q_n), plain(kv, kv_weight, kv_epsilon, kv_n))
    return q_n, kv_n


def mla_dual_rms_norm_group_quant(
    q: Tensor,
    q_weight: Tensor,
    kv: Tensor,
    kv_weight: Tensor,
    q_epsilon: float,
    kv_epsilon: float,
    group_size: int,
    col_major: bool = False,
    ue8m0: bool = False,
    tma_aligned: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Out: q fp8[*B, Q], its scale f32[*B, Q / group_size], kv T[*B, C]."""
    op = "mla_dual_rms_norm_group_quant"
    hidden = _check(op, q, q_weight, kv, kv_weight)
    groups = check_group(op, group_size, hidden)
    scale, written, strides = group_scales(op, q, groups, col_major, tma_aligned)
    scaling = (GROUP, written, strides, group_size, ue8m0)
    q_q, kv_n = _quantised(op, q, q_weight, kv, kv_weight, q_epsilon, kv_epsilon, *scaling)
    return q_q, scale if written is scale else scale.copy_(written), kv_n


def mla_dual_rms_norm_token_quant(
    q: Tensor, q_weight: Tensor, kv: Tensor, kv_weight: Tensor, q_epsilon: float, kv_epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Out: q fp8[*B, Q], its scale f32[*B, 1], kv T[*B, C]."""
    op = "mla_dual_rms_norm_token_quant"
    _check(op, q, q_weight, kv, kv_weight)
    scale = empty((*q.shape[:-1], 1), dtype=_F32, device=q.device)
    scaling = (TOKEN, scale, ROWS_APART, 0, False)
    q_q, kv_n = _quantised(op, q, q_weight, kv, kv_weight, q_epsilon, kv_epsilon, *scaling)
    return q_q, scale, kv_n


def _check(op: str, q: Tensor, q_weight: Tensor, kv: Tensor, kv_weight: Tensor) -> int:
    """How many values a row of q has."""
    hidden, *_ = check_norm(op, q, None, q_weight, 0.0, names=_Q_NAMES)
    check_norm(op, kv, None, kv_weight, 0.0, names=_KV_NAMES)
    if kv.dtype is not q.dtype or kv.shape[:-1] != q.shape[:-1] or kv.get_device() != q.get_device():
        raise ValueError(
            f"{op}: kv is {kv.dtype}{list(kv.shape)} on {kv.device}; accepted: the rows, dtype and device of q, "
            f"{q.dtype}{list(q.shape)} on {q.device}"
        )
    return hidden


def _quantised(
    op: str,
    q: Tensor,
    q_weight: Tensor,
    kv: Tensor,
    kv_weight: Tensor,
    q_epsilon: float,
    kv_epsilon: float,
    quant: int,
    scale: Tensor,
    strides: Strides,
    group: int,
    ue8m0: bool,
) -> tuple[Tensor, Tensor]:
    """q and kv; fills `scale`."""
    gpu = machine(op, q, "q")
    q_q, kv_n = empty_like(q, dtype=gpu.fp8, memory_format=_DENSE), empty_like(kv, memory_format=_DENSE)
    first = Half(q, q_weight, q_epsilon, quant, q_q, scale, strides, group, ue8m0, None)
    launch(op, gpu, first, plain(kv, kv_weight, kv_epsilon, kv_n))
    return q_q, kv_n


def plain(x: Tensor, weight: Tensor, epsilon: float, y: Tensor) -> Half:
    """A norm of x: T[R, H] into y, not quantised."""
    return Half(x, weight, epsilon, NONE, None, None, NO_STRIDES, 0, False, y)


def launch(op: str, gpu: Machine, first: Half, second: Half) -> None:
    """Both norms in one kernel, into the tensors of the halves. Raises KernelError: no kernel takes their sizes."""
    index = first.x.get_device()
    rows = first.x.numel() // first.x.shape[-1]
    if rows == 0:
        return
    stream = gpu.stream(index)
    # Rows may be copied, and the copies must live until the launch.
    halves = [(half, *_rows(half.x, rows), half.weight.contiguous()) for half in (first, second)]
    call = b"".join([_pack(half, x, step, weight, rows, index, stream) for half, x, step, weight in halves])
    result = gpu.dual_norm(call)
    if result != 0:
        raise_failure(op, result, first.x, f"{rows} rows of {first.x.shape[-1]} and {second.x.shape[-1]}")


def _rows(x: Tensor, rows: int) -> tuple[Tensor, int]:
    width = x.shape[-1]
    return (x, width) if x.is_contiguous() else dense_rows(x, rows, width)


def _pack(half: Half, x: Tensor, step: int, weight: Tensor, rows: int, index: int, stream: int) -> bytes:
    _, _, epsilon, quant, q, scale, strides, group, ue8m0, y = half
    hidden = x.shape[-1]
    return pack(
        x.data_ptr(),
        0,
        weight.data_ptr(),
        0 if q is None else q.data_ptr(),
        0 if scale is None else scale.data_ptr(),
        0,
        0 if y is None else y.data_ptr(),
        0,
        *(rows, hidden, hidden, hidden),
        *(step, 0, hidden, hidden, 0),
        *(*strides, 0, 0),
        epsilon,
        *(NORM, quant, group, ue8m0),
        weight.dtype is not x.dtype,
        *(False, False, x.dtype is torch.float16),
        *(0, index, stream),
    )


#: Every op of this file by its name.
OPS = {
    function.__name__: function
    for function in (mla_dual_rms_norm, mla_dual_rms_norm_group_quant, mla_dual_rms_norm_token_quant)
}
