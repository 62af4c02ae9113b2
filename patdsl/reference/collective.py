"""The meaning of all_reduce and of what is fused with it, for a group of one rank.

In: tensors. Out: new tensors. For one rank the sum over the ranks is the argument itself, which is enough to verify a
rewrite: both sides reduce the same values. Not registered as torch operators: called on several ranks they would be
silently wrong.
"""

from __future__ import annotations

import torch
from torch import Tensor

from patdsl.reference import unfused


def all_reduce(x: Tensor, group: str) -> Tensor:
    """The sum of `x`, T[*B, H], over the ranks of `group`; for one rank a copy."""
    return x.clone(memory_format=torch.contiguous_format)


def ar_rms_norm(x: Tensor, weight: Tensor, epsilon: float, gemma: bool = False) -> tuple[Tensor, Tensor]:
    """rms_norm(all_reduce(x)). `gemma` adds 1 to the weight, in fp32. Out: y, ar, both T[*B, H]."""
    ar = all_reduce(x, "")
    return unfused.rms_norm(ar, weight, epsilon, gemma=gemma), ar


def ar_add_rms_norm(
    x: Tensor, residual: Tensor, weight: Tensor, epsilon: float, gemma: bool = False
) -> tuple[Tensor, Tensor]:
    """fused_add_rms_norm(all_reduce(x), residual), `gemma` as in ar_rms_norm. Out: y, residual_out."""
    return unfused.fused_add_rms_norm(all_reduce(x, ""), residual, weight, epsilon, gemma=gemma)


def ar_rms_norm_static_quant(
    x: Tensor, weight: Tensor, epsilon: float, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """static_quant(rms_norm(all_reduce(x)), scale). Out: q fp8[*B, H], ar T[*B, H]."""
    y, ar = ar_rms_norm(x, weight, epsilon)
    return unfused.static_quant(y, scale), ar


def ar_add_rms_norm_static_quant(
    x: Tensor, residual: Tensor, weight: Tensor, epsilon: float, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """static_quant(fused_add_rms_norm(all_reduce(x), residual), scale). Out: q, residual_out."""
    y, residual_out = ar_add_rms_norm(x, residual, weight, epsilon)
    return unfused.static_quant(y, scale), residual_out


def ar_rms_norm_nvfp4_quant(
    x: Tensor, weight: Tensor, epsilon: float, global_scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """nvfp4_quant(rms_norm(all_reduce(x))), swizzled. Out: q u8[M, H / 2], ar T[M, H], scale i32."""
    y, ar = ar_rms_norm(x, weight, epsilon)
    q, scale = unfused.nvfp4_quant(y, global_scale, True)
    return q, ar, scale


def ar_add_rms_norm_nvfp4_quant(
    x: Tensor, residual: Tensor, weight: Tensor, epsilon: float, global_scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """nvfp4_quant(fused_add_rms_norm(all_reduce(x), residual)), swizzled. Out: q, residual_out, scale i32."""
    y, residual_out = ar_add_rms_norm(x, residual, weight, epsilon)
    q, scale = unfused.nvfp4_quant(y, global_scale, True)
    return q, residual_out, scale


def ar_rms_norm_group_quant(
    x: Tensor, weight: Tensor, epsilon: float, group_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """group_quant(rms_norm(all_reduce(x))). Out: q fp8[*B, H], ar T[*B, H], scale f32[*B, H / group_size]."""
    y, ar = ar_rms_norm(x, weight, epsilon)
    q, scale = unfused.group_quant(y, group_size)
    return q, ar, scale


def ar_add_rms_norm_group_quant(
    x: Tensor, residual: Tensor, weight: Tensor, epsilon: float, group_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """group_quant(fused_add_rms_norm(all_reduce(x), residual)). Out: q, residual_out, scale."""
    q, residual_out, scale, _ = ar_add_rms_norm_group_quant_norm(x, residual, weight, epsilon, group_size)
    return q, residual_out, scale


def ar_add_rms_norm_group_quant_norm(
    x: Tensor, residual: Tensor, weight: Tensor, epsilon: float, group_size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ar_add_rms_norm_group_quant, and the norm. Out: q, residual_out, scale, y T[*B, H]."""
    y, residual_out = ar_add_rms_norm(x, residual, weight, epsilon)
    q, scale = unfused.group_quant(y, group_size)
    return q, residual_out, scale, y
