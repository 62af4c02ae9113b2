"""Quick checks of the row ops' arguments: one condition where all is well.

In: an op's name and arguments. Out: `Given`, or ValueError in the words of `arguments.py`. Reads no memory.
"""

from __future__ import annotations

import torch
from torch import Tensor

from patdsl.kernels import arguments
from patdsl.kernels.arguments import GROUPS, MAX_HIDDEN, MAX_ROWS

#: Checked: how many values a row has, x, residual or gate, weight, epsilon, variance_size, gemma.
Given = tuple[int, Tensor, Tensor | None, Tensor | None, float, int | None, bool]

_BF16, _F16, _F32 = torch.bfloat16, torch.float16, torch.float32


def check_plain(op: str, x: Tensor) -> Given:
    """x: T[*B, H]."""
    shape, dtype = x.shape, x.dtype
    hidden: int = shape[-1] if shape else 0
    if not (
        (dtype is _BF16 or dtype is _F16) and 0 < hidden <= MAX_HIDDEN and x.numel() <= MAX_ROWS * hidden
    ):
        arguments.check_rows(op, "x", x)
    return hidden, x, None, None, 0.0, None, False


def check_halves(op: str, x: Tensor) -> Given:
    """x: T[*B, 2 H]."""
    shape, dtype = x.shape, x.dtype
    width: int = shape[-1] if shape else 0
    if not (
        (dtype is _BF16 or dtype is _F16)
        and 0 < width <= 2 * MAX_HIDDEN
        and width % 2 == 0
        and x.numel() <= MAX_ROWS * width
    ):
        arguments.check_halves(op, x)
    return width // 2, x, None, None, 0.0, None, False


def check_norm(
    op: str,
    x: Tensor,
    other: Tensor | None,
    weight: Tensor | None,
    epsilon: float,
    variance_size: int | None = None,
    gemma: bool = False,
    names: tuple[str, str, str] = ("x", "residual", "weight"),
) -> Given:
    """x, other: T[*B, H]; weight: T[H] or f32[H]. `names` are those of x, other and weight in messages."""
    shape, dtype, index = x.shape, x.dtype, x.get_device()
    hidden: int = shape[-1] if shape else 0
    if not (
        (dtype is _BF16 or dtype is _F16)
        and 0 < hidden <= MAX_HIDDEN
        and x.numel() <= MAX_ROWS * hidden
        and (
            not gemma
            if weight is None
            else (weight.dtype is dtype or weight.dtype is _F32)
            and weight.dim() == 1
            and weight.numel() == hidden
            and weight.get_device() == index
        )
        and (other is None or (other.dtype is dtype and other.shape == shape and other.get_device() == index))
        and (variance_size is None or 0 < variance_size <= hidden)
    ):
        first, second, third = names
        arguments.check_rows(op, first, x)
        if other is not None:
            arguments.check_like(op, second, other, x)
        arguments.check_weight(op, weight, x, third, first)
        arguments.check_norm_options(op, weight, hidden, variance_size, gemma)
    return hidden, x, other, weight, epsilon, variance_size, gemma


def check_group(op: str, group_size: int, hidden: int) -> int:
    """How many whole groups a row is."""
    if group_size not in GROUPS or hidden % group_size:
        arguments.check_group(op, group_size, hidden)
    return hidden // group_size


def check_quant_dtype(op: str, quant_dtype: torch.dtype | None, fp8: torch.dtype) -> torch.dtype:
    """`fp8`, which the GPU of x converts to, where no dtype is asked for."""
    if quant_dtype is None or quant_dtype is fp8:
        return fp8
    if quant_dtype is torch.int8:
        return quant_dtype
    raise ValueError(
        f"{op}: quant_dtype is {quant_dtype}; accepted: {fp8}, the fp8 of x's GPU, and torch.int8"
    )
