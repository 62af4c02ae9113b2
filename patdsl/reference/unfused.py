"""The meaning of the unfused ops, in plain torch.

In: tensors on any device. Out: new, contiguous tensors (scales: see `group_quant`) that alias no argument.
Arithmetic is fp32, rounded to the result's dtype once, or where a docstring says so; that is the contract which
fused kernels keep. `*B` is any number of leading dimensions, empty ones too: no row, no work, empty results.
Each op checks its arguments in `results.py` and raises ValueError. Not for training: no op has a backward.

NaN and Inf follow the arithmetic. The norm of a row with a NaN is NaN everywhere; with an Inf it is 0, and NaN at the
Inf. What they do to quantised values and scales is said in `quantise.py`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from patdsl.reference import results
from patdsl.reference.nvfp4 import nvfp4_quant as nvfp4_quant
from patdsl.reference.quantise import group_quant as group_quant
from patdsl.reference.quantise import mx_quant as mx_quant
from patdsl.reference.quantise import ragged_group_quant as ragged_group_quant
from patdsl.reference.quantise import static_quant as static_quant
from patdsl.reference.quantise import token_quant as token_quant
from patdsl.reference.rotary import mrope as mrope
from patdsl.reference.rotary import rope as rope


def rms_norm(
    x: Tensor,
    weight: Tensor | None,
    epsilon: float,
    variance_size: int | None = None,
    gemma: bool = False,
) -> Tensor:
    """`x / sqrt(mean(x^2) + epsilon) * weight` over the last dimension.

    x: T[*B, H], T in bf16, f16, f32. weight: W[H] of any of these, or None for 1. The mean is over the first
    `variance_size` columns where given. Rounds to W before the multiplication by weight, which is done in W, and
    to T after it. `gemma` multiplies by weight + 1, an fp32 sum, in fp32: it rounds once. Out: T[*B, H].
    """
    y = results.rms_norm(x, weight, epsilon, variance_size, gemma)
    return y.copy_(_normalise(x.float(), gemma_scale(weight, gemma), epsilon, variance_size))


def fused_add_rms_norm(
    x: Tensor,
    residual: Tensor,
    weight: Tensor | None,
    epsilon: float,
    variance_size: int | None = None,
    gemma: bool = False,
) -> tuple[Tensor, Tensor]:
    """rms_norm of `x + residual`, and that sum.

    x, residual: T[*B, H]; otherwise as rms_norm. The norm reads the sum in fp32, before it is rounded to T for
    the second result. So this is not bit for bit an add in T followed by rms_norm. Out: (y, residual_out), T[*B, H].
    """
    y, residual_out = results.fused_add_rms_norm(x, residual, weight, epsilon, variance_size, gemma)
    total = x.float() + residual.float()
    y.copy_(_normalise(total, gemma_scale(weight, gemma), epsilon, variance_size))
    return y, residual_out.copy_(total)


def rms_norm_gated(x: Tensor, z: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """`rms_norm(x) * weight * silu(z)`, all in fp32, rounded once.

    x, z: T[*B, D]; weight: W[D]. Out: T[*B, D].
    """
    y = results.rms_norm_gated(x, z, weight, epsilon)
    return y.copy_(_normalise(x.float(), weight.float(), epsilon, None) * functional.silu(z.float()))


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
    wide = a.float()
    # Written out: torch's own is NaN for Inf on some CPUs.
    activated = 0.5 * wide * (1.0 + torch.erf(wide * math.sqrt(0.5)))
    return y.copy_(activated.to(x.dtype) * b)


def pad(x: Tensor, multiple: int) -> Tensor:
    """`x` with zeros up to the next multiple of `multiple` in the last dimension. x: T[*B, H]."""
    padded = results.pad(x, multiple)
    padded[..., x.shape[-1] :].zero_()
    padded[..., : x.shape[-1]].copy_(x)
    return padded


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x @ weight.T + bias`, as torch does it. x: T[*B, H], weight: T[N, H], bias: T[N]. Out: T[*B, N]."""
    return functional.linear(x, weight, bias)


def gemma_scale(weight: Tensor | None, gemma: bool) -> Tensor | None:
    """What a norm multiplies by: the weight, or, for `gemma`, f32[H], the weight and 1."""
    return weight.float() + 1.0 if gemma and weight is not None else weight


def _normalise(wide: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None) -> Tensor:
    """The norm of fp32 rows, in the weight's dtype (fp32 without one)."""
    measured = wide if variance_size is None else wide[..., :variance_size]
    scaled = wide * torch.rsqrt(measured.pow(2).mean(-1, keepdim=True) + epsilon)
    return scaled if weight is None else scaled.to(weight.dtype) * weight
