"""Checks of kernel arguments whose message says what was got and what is accepted.

In: an op's name, an argument's name and value. Out: nothing, or ValueError. Called where the quick check of an op has
failed, or where a check is cheap.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

DTYPES = {torch.bfloat16: 0, torch.float16: 1}
GROUPS = (32, 64, 128)
MX_GROUP = 32
MAX_HIDDEN = 65536
MAX_ROWS = 2**31 - 1


def check_rows(op: str, name: str, x: Tensor, most: int = MAX_HIDDEN) -> None:
    """A bf16 or fp16 tensor of rows, each of 1 to `most` elements."""
    if x.dtype not in DTYPES:
        raise ValueError(f"{op}: {name} is {x.dtype}; accepted: {', '.join(map(str, DTYPES))}")
    if x.dim() < 1 or not 1 <= x.shape[-1] <= most:
        raise ValueError(
            f"{op}: {name} has shape {tuple(x.shape)}; accepted: a last dimension of 1 to {most}"
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


def check_halves(op: str, x: Tensor) -> None:
    """Rows of two halves, each of 1 to 65,536 elements."""
    check_rows(op, "x", x, 2 * MAX_HIDDEN)
    if x.shape[-1] % 2:
        raise ValueError(f"{op}: the last dimension of x is {x.shape[-1]}; accepted: an even size")


def check_weight(op: str, weight: Tensor | None, x: Tensor, name: str = "weight", first: str = "x") -> None:
    """`weight`, if there is one, must be a vector as long as a row of `x`, of its dtype or fp32."""
    if weight is None:
        return
    size = x.shape[-1]
    if weight.dtype not in (x.dtype, torch.float32) or weight.dim() != 1 or weight.shape[0] != size:
        raise ValueError(
            f"{op}: {name} is {weight.dtype}{list(weight.shape)}; "
            f"accepted: {x.dtype}[{size}], that of {first}, or torch.float32[{size}]"
        )
    check_device(op, name, weight, x, first)


def check_norm_options(
    op: str, weight: Tensor | None, hidden: int, variance_size: int | None, gemma: bool
) -> None:
    """The mean may be over fewer columns than a row has; gemma adds 1 to a weight."""
    if variance_size is not None and not 1 <= variance_size <= hidden:
        raise ValueError(f"{op}: variance_size is {variance_size}; accepted: 1 to {hidden}")
    if gemma and weight is None:
        raise ValueError(f"{op}: gemma without a weight; accepted: a weight, to which 1 is added")


def check_group(op: str, group_size: int, hidden: int, ragged: bool = False) -> None:
    """`ragged`: the last group of a row may be shorter."""
    if group_size not in GROUPS:
        raise ValueError(f"{op}: group_size is {group_size}; accepted: {', '.join(map(str, GROUPS))}")
    if hidden % group_size and not ragged:
        raise ValueError(f"{op}: a row has {hidden} values; accepted: a multiple of group_size {group_size}")


def check_given_scale(op: str, scale: Tensor, x: Tensor) -> None:
    if scale.dtype != torch.float32 or scale.numel() != 1:
        raise ValueError(
            f"{op}: scale is {scale.dtype}{list(scale.shape)}; accepted: one element of torch.float32"
        )
    check_device(op, "scale", scale, x)


def check_device(op: str, name: str, other: Tensor, x: Tensor, first: str = "x") -> None:
    if other.device != x.device:
        raise ValueError(f"{op}: {name} is on {other.device}, {first} on {x.device}; accepted: one device")


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
    every = (*results.values(), *inputs.values())
    if all(tensor.is_contiguous() for tensor in every):
        spans = sorted((tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes) for tensor in every)
        if all(end <= begin for (_, end), (begin, _) in pairwise(spans)):
            return
    seen = dict(inputs)
    for name, tensor in results.items():
        for other, before in seen.items():
            if _overlap(tensor, before):
                raise ValueError(f"{op}: {name} and {other} overlap in memory; accepted: tensors apart")
        seen[name] = tensor


def _overlap(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors may share memory. Columns of one matrix that lie side by side do not."""
    begin, end = _extent(a)
    first, last = _extent(b)
    if end <= first or last <= begin:
        return False
    step = _row_bytes(a)
    if step == 0 or step != _row_bytes(b):
        return True
    offset = (first - begin) % step
    width, other_width = (tensor.shape[-1] * tensor.element_size() for tensor in (a, b))
    return offset < width or offset + other_width > step


def _row_bytes(tensor: Tensor) -> int:
    """From row to row, where rows are dense and lie in even steps; else 0."""
    if tensor.dim() < 2 or tensor.stride(-1) != 1:
        return 0
    try:
        return tensor.view(-1, tensor.shape[-1]).stride(0) * tensor.element_size()
    except RuntimeError:  # torch's way to say that the leading dimensions do not merge
        return 0


def _extent(tensor: Tensor) -> tuple[int, int]:
    """The first and past-the-last address of a tensor's elements."""
    if tensor.numel() == 0:
        return 0, 0
    steps = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    begin = tensor.data_ptr()
    return begin, begin + (steps + 1) * tensor.element_size()
