"""What the unfused ops return, without the values: checked, allocated, not filled.

In: the arguments of an op. Out: uninitialised tensors with the shape, dtype, device and exact strides that the
op promises, or ValueError naming the op, the argument, what it got and what is accepted. These are at once the
fake implementations (sizes may be symbolic) and the buffers that `unfused.py` fills, so that the two cannot
disagree and a result never aliases an argument.

Unless said otherwise a result is contiguous, whatever the strides of the argument.
"""

from __future__ import annotations

import torch
from torch import Tensor

from patdsl.reference.fp8 import MX_GROUP, fp8_dtype, quant_max

FLOATS = (torch.bfloat16, torch.float16, torch.float32)


def rms_norm(
    x: Tensor,
    weight: Tensor | None,
    epsilon: float,
    variance_size: int | None = None,
    gemma: bool = False,
) -> Tensor:
    _check_rows("rms_norm", "x", x)
    _check_weight("rms_norm", x, weight)
    if variance_size is not None and not 1 <= variance_size <= x.shape[-1]:
        raise ValueError(f"rms_norm: variance_size is {variance_size}; accepted: 1 to {x.shape[-1]}")
    if gemma and weight is None:
        raise ValueError("rms_norm: gemma without a weight; accepted: a weight, to which 1 is added")
    return _like(x)


def fused_add_rms_norm(
    x: Tensor,
    residual: Tensor,
    weight: Tensor | None,
    epsilon: float,
    variance_size: int | None = None,
    gemma: bool = False,
) -> tuple[Tensor, Tensor]:
    _check_same("fused_add_rms_norm", "residual", residual, "x", x)
    return rms_norm(x, weight, epsilon, variance_size, gemma), _like(x)


def rms_norm_gated(x: Tensor, z: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    _check_rows("rms_norm_gated", "x", x)
    _check_same("rms_norm_gated", "z", z, "x", x)
    _check_weight("rms_norm_gated", x, weight)
    return _like(x)


def group_quant(
    x: Tensor,
    group_size: int,
    col_major: bool = False,
    ue8m0: bool = False,
    tma_aligned: bool = False,
    quant_dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    _check_group("group_quant", x, group_size)
    if x.shape[-1] % group_size != 0:
        raise ValueError(
            f"group_quant: the last dimension of x is {x.shape[-1]}, not a multiple of group_size {group_size}"
        )
    scale = _scale("group_quant", x, x.shape[-1] // group_size, col_major, tma_aligned)
    return _quantised(x, quant_dtype), scale


def ragged_group_quant(x: Tensor, group_size: int) -> tuple[Tensor, Tensor]:
    _check_group("ragged_group_quant", x, group_size)
    groups = (x.shape[-1] + group_size - 1) // group_size
    return _quantised(x, None), _like(x, torch.float32, groups)


def token_quant(x: Tensor, quant_dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    _check_rows("token_quant", "x", x)
    return _quantised(x, quant_dtype), _like(x, torch.float32, 1)


def static_quant(x: Tensor, scale: Tensor, quant_dtype: torch.dtype | None = None) -> Tensor:
    _check_rows("static_quant", "x", x)
    _check_scalar("static_quant", "scale", scale, x)
    return _quantised(x, quant_dtype)


def mx_quant(x: Tensor) -> tuple[Tensor, Tensor]:
    _check_rows("mx_quant", "x", x)
    if x.shape[-1] % MX_GROUP != 0:
        raise ValueError(
            f"mx_quant: the last dimension of x is {x.shape[-1]}; accepted: a multiple of {MX_GROUP}"
        )
    return _quantised(x, None), _like(x, torch.uint8, x.shape[-1] // MX_GROUP)


def nvfp4_quant(x: Tensor, global_scale: Tensor, swizzled: bool) -> tuple[Tensor, Tensor]:
    _check_rows("nvfp4_quant", "x", x)
    _check_scalar("nvfp4_quant", "global_scale", global_scale, x)
    if x.dim() != 2 or x.shape[1] % 16 != 0:
        raise ValueError(f"nvfp4_quant: x has shape {tuple(x.shape)}; accepted: [rows, a multiple of 16]")
    rows, groups = x.shape[0], x.shape[1] // 16
    q = x.new_empty((rows, x.shape[1] // 2), dtype=torch.uint8)
    if not swizzled:
        return q, x.new_empty((rows, groups), dtype=torch.uint8)
    return q, x.new_empty(((rows + 127) // 128 * 128, (groups + 3) // 4), dtype=torch.int32)


def silu_and_mul(x: Tensor) -> Tensor:
    return _gated_half("silu_and_mul", x)


def gelu_and_mul(x: Tensor) -> Tensor:
    return _gated_half("gelu_and_mul", x)


def pad(x: Tensor, multiple: int) -> Tensor:
    _check_rows("pad", "x", x)
    if multiple < 1:
        raise ValueError(f"pad: multiple is {multiple}; accepted: 1 and up")
    return _like(x, last=(x.shape[-1] + multiple - 1) // multiple * multiple)


def rope(
    positions: Tensor, query: Tensor, key: Tensor, head_size: int, cos_sin: Tensor, neox: bool
) -> tuple[Tensor, Tensor]:
    check_rotary("rope", positions, query, key, head_size, cos_sin)
    return _like(query), _like(key)


def mrope(
    positions: Tensor,
    query: Tensor,
    key: Tensor,
    cos_sin: Tensor,
    head_size: int,
    rotary_dim: int,
    t: int,
    h: int,
    w: int,
    interleaved: bool,
    neox: bool,
) -> tuple[Tensor, Tensor]:
    check_rotary("mrope", positions, query, key, head_size, cos_sin)
    if positions.dim() > 2 or (positions.dim() == 2 and positions.shape[0] != 3):
        raise ValueError(
            f"mrope: positions has shape {tuple(positions.shape)}; accepted: [3, tokens] or [tokens]"
        )
    if cos_sin.shape[1] != rotary_dim or 2 * (t + h + w) != rotary_dim:
        raise ValueError(
            f"mrope: rotary_dim is {rotary_dim}, cos_sin has {cos_sin.shape[1]} columns, t + h + w is {t + h + w}; "
            "accepted: rotary_dim columns, t + h + w half of it"
        )
    return _like(query), _like(key)


def _like(x: Tensor, dtype: torch.dtype | None = None, last: int | None = None) -> Tensor:
    """Contiguous, of `x`'s shape but for the last dimension where one is given."""
    shape = x.shape if last is None else (*x.shape[:-1], last)
    return x.new_empty(shape, dtype=dtype)


def _quantised(x: Tensor, quant_dtype: torch.dtype | None) -> Tensor:
    """Of `x`'s shape, in the target's fp8 where no dtype is given."""
    dtype = fp8_dtype() if quant_dtype is None else quant_dtype
    quant_max(dtype)
    return _like(x, dtype)


def _scale(op: str, x: Tensor, groups: int, col_major: bool, tma_aligned: bool) -> Tensor:
    """f32[*B, groups]. Column-major: the dimension before the last is the dense one, each column starting at a
    multiple of 16 bytes where `tma_aligned`. Row-major scales are never padded.
    """
    if not col_major:
        return _like(x, torch.float32, groups)
    if x.dim() < 2:
        raise ValueError(f"{op}: col_major needs x to have at least 2 dimensions, it has {x.dim()}")
    *batch, rows = x.shape[:-1]
    if not tma_aligned:
        return x.new_empty((*batch, groups, rows), dtype=torch.float32).transpose(-1, -2)
    pitch = (rows + 3) // 4 * 4
    strides = [1, pitch]
    size = pitch * groups
    for extent in reversed(batch):
        strides.insert(0, size)
        size = size * extent
    return torch.empty_strided((*batch, rows, groups), strides, dtype=torch.float32, device=x.device)


def _gated_half(op: str, x: Tensor) -> Tensor:
    _check_rows(op, "x", x)
    if x.shape[-1] % 2 != 0:
        raise ValueError(f"{op}: the last dimension of x is {x.shape[-1]}; accepted: an even size")
    return _like(x, last=x.shape[-1] // 2)


def _check_rows(op: str, name: str, x: Tensor) -> None:
    if x.dtype not in FLOATS:
        raise ValueError(f"{op}: {name} is {x.dtype}; accepted: {', '.join(str(known) for known in FLOATS)}")
    if x.dim() < 1 or x.shape[-1] < 1:
        raise ValueError(f"{op}: {name} has shape {tuple(x.shape)}; accepted: a last dimension of 1 and up")


def check_rotary(
    op: str, positions: Tensor, query: Tensor, key: Tensor, head_size: int, cos_sin: Tensor
) -> None:
    """Raises ValueError in the name of `op` for what no rotary op takes."""
    for name, x in (("query", query), ("key", key)):
        _check_rows(op, name, x)
        if x.shape[-1] % head_size != 0:
            raise ValueError(
                f"{op}: the last dimension of {name} is {x.shape[-1]}; accepted: whole heads of {head_size}"
            )
        _check_device(op, name, x, positions, "positions")
    if positions.dtype != torch.int64:
        raise ValueError(f"{op}: positions is {positions.dtype}; accepted: torch.int64")
    if cos_sin.dtype not in FLOATS or cos_sin.dim() != 2 or not 2 <= cos_sin.shape[1] <= head_size:
        raise ValueError(
            f"{op}: cos_sin is {cos_sin.dtype}{list(cos_sin.shape)}; accepted: [positions, 2 to {head_size}] floats"
        )
    if cos_sin.shape[1] % 2 != 0:
        raise ValueError(f"{op}: cos_sin has {cos_sin.shape[1]} columns; accepted: an even number")
    _check_device(op, "cos_sin", cos_sin, positions, "positions")


def _check_group(op: str, x: Tensor, group_size: int) -> None:
    _check_rows(op, "x", x)
    if group_size < 1:
        raise ValueError(f"{op}: group_size is {group_size}; accepted: 1 and up")


def _check_weight(op: str, x: Tensor, weight: Tensor | None) -> None:
    if weight is None:
        return
    if weight.dtype not in FLOATS or weight.dim() != 1 or weight.shape[0] != x.shape[-1]:
        raise ValueError(
            f"{op}: weight is {weight.dtype}{list(weight.shape)}; accepted: a float vector of {x.shape[-1]}"
        )
    _check_device(op, "weight", weight, x)


def _check_same(op: str, name: str, other: Tensor, first: str, x: Tensor) -> None:
    if other.dtype != x.dtype or other.shape != x.shape:
        raise ValueError(
            f"{op}: {name} is {other.dtype}{list(other.shape)}; accepted: that of {first}, {x.dtype}{list(x.shape)}"
        )
    _check_device(op, name, other, x)


def _check_scalar(op: str, name: str, scale: Tensor, x: Tensor) -> None:
    if scale.dtype != torch.float32 or scale.numel() != 1:
        raise ValueError(
            f"{op}: {name} is {scale.dtype}{list(scale.shape)}; accepted: one element of torch.float32"
        )
    _check_device(op, name, scale, x)


def _check_device(op: str, name: str, other: Tensor, first: Tensor, first_name: str = "x") -> None:
    if other.device != first.device:
        raise ValueError(
            f"{op}: {name} is on {other.device}, {first_name} on {first.device}; accepted: one device"
        )
