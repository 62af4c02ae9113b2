"""Forms of three ops that write to their arguments, as many kernels are bound.

In: tensors, some of them to be overwritten, of any strides. Out: nothing. The values are those of the functional
ops; each `check_` is the fake implementation and raises what the op would. Adds no arithmetic.
"""

from __future__ import annotations

from torch import Tensor

from patdsl.reference import results, unfused


def silu_and_mul_out(out: Tensor, x: Tensor) -> None:
    """Writes silu_and_mul(x), T[*B, D], to `out`."""
    check_silu_and_mul_out(out, x)
    out.copy_(unfused.silu_and_mul(x))


def check_silu_and_mul_out(out: Tensor, x: Tensor) -> None:
    _check_buffer("silu_and_mul_out", "out", out, results.silu_and_mul(x))


def rms_norm_group_quant_out(
    q: Tensor,
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    epsilon: float,
    group_size: int,
    col_major: bool = False,
) -> None:
    """Writes rms_norm_group_quant(x) to `q`, fp8[*B, H], and `scale`, f32[*B, H / group_size].

    `scale` keeps its own strides; where `col_major` says otherwise that is an error.
    """
    check_rms_norm_group_quant_out(q, x, weight, scale, epsilon, group_size, col_major)
    new_q, new_scale = unfused.group_quant(unfused.rms_norm(x, weight, epsilon), group_size, col_major)
    q.copy_(new_q)
    scale.copy_(new_scale)


def check_rms_norm_group_quant_out(
    q: Tensor,
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    epsilon: float,
    group_size: int,
    col_major: bool = False,
) -> None:
    op = "rms_norm_group_quant_out"
    new_q, new_scale = results.group_quant(results.rms_norm(x, weight, epsilon), group_size, col_major)
    _check_buffer(op, "q", q, new_q)
    _check_buffer(op, "scale", scale, new_scale)
    if scale.stride() != new_scale.stride():
        raise ValueError(
            f"{op}: scale has strides {scale.stride()}; accepted with col_major={col_major}: {new_scale.stride()}"
        )


def fused_add_rms_norm_(x: Tensor, residual: Tensor, weight: Tensor | None, epsilon: float) -> None:
    """fused_add_rms_norm: `x` becomes the norm, `residual` the sum. They must be different tensors."""
    check_fused_add_rms_norm_(x, residual, weight, epsilon)
    if x.numel() and x.data_ptr() == residual.data_ptr():
        raise ValueError("fused_add_rms_norm_: x and residual share memory; accepted: two buffers")
    y, residual_out = unfused.fused_add_rms_norm(x, residual, weight, epsilon)
    x.copy_(y)
    residual.copy_(residual_out)


def check_fused_add_rms_norm_(x: Tensor, residual: Tensor, weight: Tensor | None, epsilon: float) -> None:
    results.fused_add_rms_norm(x, residual, weight, epsilon)


def _check_buffer(op: str, name: str, buffer: Tensor, wanted: Tensor) -> None:
    if buffer.dtype != wanted.dtype or buffer.shape != wanted.shape or buffer.device != wanted.device:
        raise ValueError(
            f"{op}: {name} is {buffer.dtype}{list(buffer.shape)} on {buffer.device}; "
            f"accepted: {wanted.dtype}{list(wanted.shape)} on {wanted.device}"
        )
