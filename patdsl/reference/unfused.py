"""The meaning of the unfused ops, in plain torch.

In: tensors on any device. Out: new, contiguous tensors (scales: see `group_quant`) that alias no argument.
Arithmetic is fp32, rounded to the result's dtype once, or where a docstring says so; that is the contract which
fused kernels keep. `*B` is any number of leading dimensions, empty ones too: no row, no work, empty results.
Each op checks its arguments in `results.py` and raises ValueError. Not for training: no op has a backward.

NaN and Inf follow the arithmetic. A reduction over a row or group with a NaN is NaN, so the whole row or group
becomes NaN, scale included. With an Inf, the norm of the row is 0 and NaN at the Inf; a group's scale is Inf,
its values 0 and NaN at the Inf. int8 has no NaN: it gets 0 there.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from patdsl.reference import results
from patdsl.reference.fp8 import quant_max
from patdsl.reference.nvfp4 import nvfp4_quant as nvfp4_quant
from patdsl.reference.rotary import mrope as mrope
from patdsl.reference.rotary import rope as rope

GROUP_AMAX_MIN = 1e-10  # keeps the scale of an all-zero group above 0


def rms_norm(x: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None) -> Tensor:
    """`x / sqrt(mean(x^2) + epsilon) * weight` over the last dimension.

    x: T[*B, H], T in bf16, f16, f32. weight: W[H] of any of these, or None for 1. The mean is over the first
    `variance_size` columns where given. Rounds to W before the multiplication by weight, which is done in W, and
    to T after it. Out: T[*B, H].
    """
    y = results.rms_norm(x, weight, epsilon, variance_size)
    return y.copy_(_normalise(x.float(), weight, epsilon, variance_size))


def fused_add_rms_norm(
    x: Tensor, residual: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None
) -> tuple[Tensor, Tensor]:
    """rms_norm of `x + residual`, and that sum.

    x, residual: T[*B, H]; otherwise as rms_norm. The norm reads the sum in fp32, before it is rounded to T for
    the second result. So this is not bit for bit an add in T followed by rms_norm. Out: (y, residual_out), T[*B, H].
    """
    y, residual_out = results.fused_add_rms_norm(x, residual, weight, epsilon, variance_size)
    total = x.float() + residual.float()
    return y.copy_(_normalise(total, weight, epsilon, variance_size)), residual_out.copy_(total)


def rms_norm_gated(x: Tensor, z: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """`rms_norm(x) * weight * silu(z)`, all in fp32, rounded once.

    x, z: T[*B, D]; weight: W[D]. Out: T[*B, D].
    """
    y = results.rms_norm_gated(x, z, weight, epsilon)
    return y.copy_(_normalise(x.float(), weight.float(), epsilon, None) * functional.silu(z.float()))


def group_quant(
    x: Tensor, group_size: int, col_major: bool = False, ue8m0: bool = False, tma_aligned: bool = False
) -> tuple[Tensor, Tensor]:
    """Dynamic fp8 quantisation with one scale for each `group_size` neighbours of the last dimension.

    x: T[*B, H], H a multiple of group_size. `scale = max(amax(|group|), 1e-10) / fp8_max`, an fp32 division;
    with `ue8m0` rounded up to a power of two. `q = clamp(x / scale, -fp8_max, fp8_max)`, divided in fp32 and
    rounded to nearest even.

    Out: q fp8[*B, H]; scale f32[*B, H / group_size], row-major, or column-major (`col_major`: the dimension before
    the last has stride 1). `tma_aligned` pads the columns of column-major scales to a multiple of 4 elements and
    means nothing for row-major ones. The padding is not written.
    """
    q, scale = results.group_quant(x, group_size, col_major, ue8m0, tma_aligned)
    return _quantise_groups(x, group_size, ue8m0, q, scale)


def ragged_group_quant(x: Tensor, group_size: int) -> tuple[Tensor, Tensor]:
    """group_quant with row-major scales where the last group of a row may be shorter.

    x: T[*B, H]. Out: q fp8[*B, H]; scale f32[*B, ceil(H / group_size)].
    """
    q, scale = results.ragged_group_quant(x, group_size)
    return _quantise_groups(x, group_size, False, q, scale)


def token_quant(x: Tensor, quant_dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Dynamic quantisation with one scale a row.

    x: T[*B, H]. To fp8: `scale = max(amax(|row|) / fp8_max, 1 / (512 fp8_max))`, `q = clamp(x / scale)`. To int8:
    `scale = amax(|row|) / 127`, `q = round(x * (127 / amax))` to nearest even, 0 in a row of zeros. All in fp32.
    Out: q quant_dtype[*B, H], scale f32[*B, 1].
    """
    q, scale = results.token_quant(x, quant_dtype)
    wide = x.float()
    amax = wide.abs().amax(-1, keepdim=True)
    limit = quant_max(quant_dtype)
    if quant_dtype == torch.int8:
        scale.copy_(amax / _constant(limit, amax))
        inverse = torch.where(amax == 0, 0.0, _constant(limit, amax) / amax)
        levels = (wide * inverse).round().clamp(-128, 127)
        return q.copy_(torch.nan_to_num(levels, nan=0.0)), scale
    scale.copy_((amax / _constant(limit, amax)).clamp(min=1.0 / (limit * 512.0)))
    return q.copy_((wide / scale).clamp(-limit, limit)), scale


def static_quant(x: Tensor, scale: Tensor) -> Tensor:
    """fp8 quantisation with a given scale: `clamp(x * (1 / scale), -fp8_max, fp8_max)` in fp32.

    x: T[*B, H]; scale: f32, one element of any shape. Out: fp8[*B, H].
    """
    q = results.static_quant(x, scale)
    limit = quant_max(q.dtype)
    return q.copy_((x.float() * scale.reshape(()).reciprocal()).clamp(-limit, limit))


def silu_and_mul(x: Tensor) -> Tensor:
    """`silu(a) * b` of the halves of the last dimension. Rounds to T after silu and after the product.

    x: T[*B, 2 D]. Out: T[*B, D].
    """
    y = results.silu_and_mul(x)
    a, b = x.chunk(2, -1)
    return y.copy_(functional.silu(a.float()).to(x.dtype) * b)


def gelu_and_mul(x: Tensor) -> Tensor:
    """`gelu(a) * b` of the halves of the last dimension, gelu by the error function. Rounds as silu_and_mul.

    x: T[*B, 2 D]. Out: T[*B, D].
    """
    y = results.gelu_and_mul(x)
    a, b = x.chunk(2, -1)
    return y.copy_(functional.gelu(a.float()).to(x.dtype) * b)


def pad(x: Tensor, multiple: int) -> Tensor:
    """`x` with zeros up to the next multiple of `multiple` in the last dimension. x: T[*B, H]."""
    padded = results.pad(x, multiple)
    padded[..., x.shape[-1] :].zero_()
    padded[..., : x.shape[-1]].copy_(x)
    return padded


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x @ weight.T + bias`, as torch does it. x: T[*B, H], weight: T[N, H], bias: T[N]. Out: T[*B, N]."""
    return functional.linear(x, weight, bias)


def _normalise(wide: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None) -> Tensor:
    """The norm of fp32 rows, in the weight's dtype (fp32 without one)."""
    measured = wide if variance_size is None else wide[..., :variance_size]
    scaled = wide * torch.rsqrt(measured.pow(2).mean(-1, keepdim=True) + epsilon)
    return scaled if weight is None else scaled.to(weight.dtype) * weight


def _quantise_groups(
    x: Tensor, group_size: int, ue8m0: bool, q: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Fills `q` and `scale`; a short last group counts as padded with zeros, which changes no maximum."""
    limit = quant_max(q.dtype)
    width = scale.shape[-1] * group_size
    wide = functional.pad(x.float(), (0, width - x.shape[-1]))
    groups = wide.reshape(*x.shape[:-1], scale.shape[-1], group_size)
    amax = groups.abs().amax(-1).clamp(min=GROUP_AMAX_MIN)
    factor = amax / _constant(limit, amax)
    if ue8m0:
        factor = _next_power_of_two(factor)
    levels = (groups / factor.unsqueeze(-1)).clamp(-limit, limit)
    return q.copy_(levels.reshape(wide.shape)[..., : x.shape[-1]]), scale.copy_(factor)


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
