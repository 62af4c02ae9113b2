"""Checks of kernel arguments whose message says what was got and what is accepted.

In: an op's name, an argument's name and value. Out: nothing, or ValueError. Called where the quick check of an op has
failed, or where a check is cheap.
"""

from __future__ import annotations

import torch
from torch import Tensor

DTYPES = {torch.bfloat16: 0, torch.float16: 1}
MAX_HIDDEN = 65536
MAX_ROWS = 2**31 - 1


def check_rows(op: str, name: str, x: Tensor) -> None:
    """A bf16 or fp16 tensor of rows, each of 1 to 65,536 elements."""
    if x.dtype not in DTYPES:
        raise ValueError(f"{op}: {name} is {x.dtype}; accepted: {', '.join(map(str, DTYPES))}")
    if x.dim() < 1 or not 1 <= x.shape[-1] <= MAX_HIDDEN:
        raise ValueError(
            f"{op}: {name} has shape {tuple(x.shape)}; accepted: a last dimension of 1 to {MAX_HIDDEN}"
        )
    if x.numel() // x.shape[-1] > MAX_ROWS:
        raise ValueError(f"{op}: {name} has {x.numel() // x.shape[-1]} rows; accepted: {MAX_ROWS} at most")


def check_like(op: str, name: str, other: Tensor, x: Tensor) -> None:
    """`other` must have the shape, dtype and device of `x`."""
    if other.dtype != x.dtype or other.shape != x.shape:
        raise ValueError(
            f"{op}: {name} is {other.dtype}{list(other.shape)}; accepted: that of x, {x.dtype}{list(x.shape)}"
        )
    check_device(op, name, other, x)


def check_weight(op: str, weight: Tensor, x: Tensor) -> None:
    """`weight` must be a vector as long as a row of `x`, of its dtype."""
    if weight.dtype != x.dtype or weight.dim() != 1 or weight.shape[0] != x.shape[-1]:
        raise ValueError(
            f"{op}: weight is {weight.dtype}{list(weight.shape)}; accepted: {x.dtype}[{x.shape[-1]}], that of x"
        )
    check_device(op, "weight", weight, x)


def check_device(op: str, name: str, other: Tensor, x: Tensor) -> None:
    if other.device != x.device:
        raise ValueError(f"{op}: {name} is on {other.device}, x on {x.device}; accepted: one device")


def check_result(
    op: str, name: str, result: Tensor, shape: tuple[int, ...], dtype: torch.dtype, x: Tensor
) -> None:
    """A tensor that the op writes to."""
    if result.dtype != dtype or tuple(result.shape) != shape:
        raise ValueError(
            f"{op}: {name} is {result.dtype}{list(result.shape)}; accepted: {dtype}{list(shape)}"
        )
    check_device(op, name, result, x)


def check_apart(op: str, results: dict[str, Tensor], inputs: dict[str, Tensor]) -> None:
    """No result may lie, in part or whole, where an input or another result does."""
    seen = [(name, *_extent(tensor)) for name, tensor in inputs.items()]
    for name, tensor in results.items():
        begin, end = _extent(tensor)
        for other, first, last in seen:
            if begin < last and first < end:
                raise ValueError(f"{op}: {name} and {other} overlap in memory; accepted: tensors apart")
        seen.append((name, begin, end))


def _extent(tensor: Tensor) -> tuple[int, int]:
    """The first and past-the-last address of a tensor's elements."""
    if tensor.numel() == 0:
        return 0, 0
    steps = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    begin = tensor.data_ptr()
    return begin, begin + (steps + 1) * tensor.element_size()
