"""The meaning of the 8-bit quantisations, in plain torch.

In: tensors on any device, x: T[*B, H]. Out: new tensors, quantised values and their scales. All arithmetic is fp32. To
fp8, "rounded" is to nearest even after clamping to the dtype's `quant_max`; to int8 it is to nearest even before
clamping to -128..127. `quant_dtype` is an fp8 dtype or int8; None is the target's fp8.

NaN and Inf: a row or group with a NaN has the scale NaN, and so NaN everywhere. With an Inf its scale is Inf, its
values are 0, and NaN at the Inf. A given scale keeps both to themselves: NaN stays NaN, Inf saturates. int8 has no
NaN: it gets 0 there. `mx_quant` says what is otherwise with it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from patdsl.reference import results
from patdsl.reference.fp8 import MX_GROUP, quant_max

GROUP_AMAX_MIN = 1e-10  # keeps the scale of an all-zero group above 0
_E8M0_BIAS = 127
_E8M0_NAN = 255


def group_quant(
    x: Tensor,
    group_size: int,
    col_major: bool = False,
    ue8m0: bool = False,
    tma_aligned: bool = False,
    quant_dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Dynamic quantisation with one scale for each `group_size` neighbours of the last dimension.

    x: T[*B, H], H a multiple of group_size. `scale = max(amax(|group|), 1e-10) / quant_max`, an fp32 division; with
    `ue8m0` not below 1e-10 and rounded up to a power of two. `q = x / scale`, divided in fp32, rounded, also to int8.
    (vLLM's `per_token_group_quant_int8` has these scales and cuts the fraction off instead: it is another op.)

    Out: q quant_dtype[*B, H]; scale f32[*B, H / group_size], row-major, or column-major (`col_major`: the dimension
    before the last has stride 1). `tma_aligned` pads the columns of column-major scales to a multiple of 4 elements and
    means nothing for row-major ones. The padding is not written.
    """
    q, scale = results.group_quant(x, group_size, col_major, ue8m0, tma_aligned, quant_dtype)
    return _quantise_groups(x, group_size, ue8m0, q, scale)


def ragged_group_quant(x: Tensor, group_size: int) -> tuple[Tensor, Tensor]:
    """group_quant to fp8 with row-major scales where the last group of a row may be shorter.

    x: T[*B, H]. Out: q fp8[*B, H]; scale f32[*B, ceil(H / group_size)].
    """
    q, scale = results.ragged_group_quant(x, group_size)
    return _quantise_groups(x, group_size, False, q, scale)


def token_quant(x: Tensor, quant_dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Dynamic quantisation with one scale a row.

    x: T[*B, H]. To fp8: `scale = max(amax(|row|) / quant_max, 1 / (512 quant_max))`, `q = x / scale`, rounded. To int8:
    `scale = amax(|row|) / 127`, `q = x * (127 / amax)`, rounded, 0 in a row of zeros.
    Out: q quant_dtype[*B, H], scale f32[*B, 1].
    """
    q, scale = results.token_quant(x, quant_dtype)
    wide = x.float()
    amax = wide.abs().amax(-1, keepdim=True)
    limit = quant_max(quant_dtype)
    if quant_dtype == torch.int8:
        scale.copy_(amax / _constant(limit, amax))
        inverse = torch.where(amax == 0, 0.0, _constant(limit, amax) / amax)
        return _store(wide * inverse, q), scale
    scale.copy_((amax / _constant(limit, amax)).clamp(min=1.0 / (limit * 512.0)))
    return _store(wide / scale, q), scale


def static_quant(x: Tensor, scale: Tensor, quant_dtype: torch.dtype | None = None) -> Tensor:
    """Quantisation with a given scale: to fp8 `x * (1 / scale)`, to int8 `x / scale`, as vLLM has them, rounded.

    x: T[*B, H]; scale: f32, one element of any shape. Out: quant_dtype[*B, H].
    """
    q = results.static_quant(x, scale, quant_dtype)
    step = scale.reshape(())
    wide = x.float()
    return _store(wide / step if q.dtype == torch.int8 else wide * step.reciprocal(), q)


def mx_quant(x: Tensor) -> tuple[Tensor, Tensor]:
    """Microscaling (MX) fp8: one power-of-two scale (e8m0) for each 32 neighbours of the last dimension.

    x: T[*B, H], H a multiple of 32. The scale is rounded up, so that nothing saturates: it is the least power of two
    `s` from 2^-127 with `amax(|group|) <= quant_max * s`, exactly, and `q = x / s`, rounded. (FlashInfer's
    mxfp8_quantize, which vLLM calls on sm_100, rounds up too. `floor(log2(amax)) - 8`, as the MX specification
    suggests, saturates above 448; vLLM's emulation leaves out the -8.)

    A group of zeros has the scale 2^-127 and keeps its zeros' signs. Subnormal values count as any others. e8m0 has no
    Inf: a group with a NaN or an Inf has the scale NaN, and so NaN everywhere.

    Out: q fp8[*B, H]; scale u8[*B, H / 32], row-major: the exponent of `s` + 127, or 255 for NaN, which are the bytes
    of `torch.float8_e8m0fnu`. Bytes, since that is what vLLM passes on, and torch has few ops for the dtype.
    """
    q, scale = results.mx_quant(x)
    groups = x.float().reshape(*scale.shape, MX_GROUP)
    amax = groups.abs().amax(-1)
    limit, shift = math.frexp(quant_max(q.dtype))
    mantissa, exponent = torch.frexp(amax)
    exponent = exponent - shift + (mantissa > limit).to(exponent.dtype)
    exponent = torch.where(amax == 0, -_E8M0_BIAS, exponent).clamp(min=-_E8M0_BIAS)
    # 1 / s is exact and no subnormal number, which s itself can be.
    inverse = torch.ldexp(torch.ones_like(amax), -exponent)
    finite = amax.isfinite()
    _store((groups * torch.where(finite, inverse, math.nan).unsqueeze(-1)).reshape(x.shape), q)
    return q, scale.copy_(torch.where(finite, exponent + _E8M0_BIAS, _E8M0_NAN))


def _quantise_groups(
    x: Tensor, group_size: int, ue8m0: bool, q: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Fills `q` and `scale`; a short last group counts as padded with zeros, which changes no maximum."""
    width = scale.shape[-1] * group_size
    wide = functional.pad(x.float(), (0, width - x.shape[-1]))
    groups = wide.reshape(*x.shape[:-1], scale.shape[-1], group_size)
    amax = groups.abs().amax(-1).clamp(min=GROUP_AMAX_MIN)
    factor = amax / _constant(quant_max(q.dtype), amax)
    if ue8m0:
        factor = _next_power_of_two(factor)
    levels = (groups / factor.unsqueeze(-1)).reshape(wide.shape)
    return _store(levels[..., : x.shape[-1]], q), scale.copy_(factor)


def _store(levels: Tensor, q: Tensor) -> Tensor:
    """Rounds fp32 values to `q`, which it fills and returns."""
    if q.dtype == torch.int8:
        return q.copy_(torch.nan_to_num(levels.round().clamp(-128, 127), nan=0.0))
    limit = quant_max(q.dtype)
    return q.copy_(levels.clamp(-limit, limit))


def _next_power_of_two(factor: Tensor) -> Tensor:
    """The least power of two not below `factor` (fp32, positive, not below 1e-10); NaN and Inf stay."""
    mantissa, exponent = torch.frexp(factor.clamp(min=GROUP_AMAX_MIN))
    exponent = exponent - (mantissa == 0.5).to(exponent.dtype)
    power = torch.ldexp(torch.ones_like(factor), exponent)
    return torch.where(factor.isfinite(), power, factor)


def _constant(value: float, like: Tensor) -> Tensor:
    """`value` as a tensor: torch divides by a Python number on a GPU as a product with its reciprocal, one unit in
    the last place off the division that is meant."""
    return torch.full((), value, dtype=like.dtype, device=like.device)
