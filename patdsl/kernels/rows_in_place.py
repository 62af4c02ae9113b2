"""The row ops on GPUs that write to their arguments.

In: tensors on one GPU, of any strides. Out: nothing; the arguments are filled by one launch on the current stream of
that GPU, and a copy for each that does not lie in even rows. The meaning is that of `patdsl/reference/in_place.py`, but
that what is written may overlap nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from patdsl.kernels import arguments
from patdsl.kernels.rows_call import lies_in_rows, machine
from patdsl.kernels.rows_checks import check_group, check_halves, check_norm
from patdsl.kernels.rows_launch import launch
from patdsl.kernels.rows_quant import scale_strides

_DENSE = torch.contiguous_format


def silu_and_mul_out(out: Tensor, x: Tensor) -> None:
    """Fills `out`, T[*B, D]."""
    op = "silu_and_mul_out"
    hidden, *_ = check_halves(op, x)
    arguments.check_result(op, "out", out, (*x.shape[:-1], hidden), x.dtype, x)
    arguments.check_apart(op, {"out": out}, {"x": x})
    y = _room(out)
    launch(op, source="silu_mul", quant="none", x=_read(x), y=y)
    _leave((out, y))


def rms_norm_group_quant_out(
    q: Tensor,
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    epsilon: float,
    group_size: int,
    col_major: bool = False,
) -> None:
    """Fills `q`, fp8[*B, H], and `scale`, which has the strides that `col_major` says."""
    op = "rms_norm_group_quant_out"
    hidden, *_ = check_norm(op, x, None, weight, epsilon)
    groups = check_group(op, group_size, hidden)
    arguments.check_result(op, "q", q, tuple(x.shape), machine(op, x).fp8, x)
    arguments.check_result(op, "scale", scale, (*x.shape[:-1], groups), torch.float32, x)
    strides = scale_strides(op, x, groups, col_major)
    if scale.stride() != strides:
        raise ValueError(
            f"{op}: scale has strides {scale.stride()}; accepted with col_major={col_major}: {strides}"
        )
    arguments.check_apart(op, {"q": q, "scale": scale}, {"x": x, "weight": weight})
    new_q, new_scale = _room(q), scale if scale.dim() <= 2 else _room(scale)
    launch(
        op,
        source="norm",
        quant="group",
        x=_read(x),
        weight=weight.contiguous(),
        q=new_q,
        scale=new_scale,
        epsilon=epsilon,
        group=group_size,
    )
    _leave((q, new_q), (scale, new_scale))


def fused_add_rms_norm_(x: Tensor, residual: Tensor, weight: Tensor | None, epsilon: float) -> None:
    """`x` becomes the norm, `residual` the sum."""
    op = "fused_add_rms_norm_"
    check_norm(op, x, residual, weight, epsilon)
    arguments.check_apart(op, {"x": x, "residual": residual}, {} if weight is None else {"weight": weight})
    y, total = _read(x), _read(residual)
    launch(
        op,
        source="add_norm",
        quant="none",
        x=y,
        other=total,
        weight=None if weight is None else weight.contiguous(),
        y=y,
        sum=total,
        epsilon=epsilon,
    )
    _leave((x, y), (residual, total))


def _read(x: Tensor) -> Tensor:
    """`x`, or a copy where it does not lie in rows."""
    return x if lies_in_rows(x) else x.contiguous()


def _room(result: Tensor) -> Tensor:
    """Where the kernel is to write what `result` will hold."""
    return result if lies_in_rows(result) else torch.empty_like(result, memory_format=_DENSE)


def _leave(*pairs: tuple[Tensor, Tensor]) -> None:
    """Of each pair the first is an argument and the second where its new values are."""
    for argument, written in pairs:
        if argument is written:
            increment_version(argument)  # torch does not see what a kernel writes
        else:
            with torch.no_grad():
                argument.copy_(written)


#: Every op of this file by its name.
OPS: dict[str, Callable[..., None]] = {
    "silu_and_mul_out": silu_and_mul_out,
    "rms_norm_group_quant_out": rms_norm_group_quant_out,
    "fused_add_rms_norm_": fused_add_rms_norm_,
}
