"""Reads what nodes hold: fake values, and answers to the language's questions about them.

In: fx nodes with `meta["val"]`. Out: fake tensors, dtypes of the language, UNKNOWN where nothing is known. Changes
no node.
"""

from __future__ import annotations

from typing import Any

import torch

from patdsl.dtypes import FROM_TORCH, TORCH_NAMES, Dtype
from patdsl.expr import UNKNOWN
from patdsl.runtime import torch_api
from patdsl.runtime.torch_api import Node


def value_of(node: Node) -> Any:
    """What the node holds when traced: a fake tensor, a number, a tuple of these, or None where it is not recorded."""
    if "val" in node.meta:
        return node.meta["val"]
    return node.meta.get("example_value")


def tensor_of(node: Node) -> torch.Tensor | None:
    """The fake tensor that the node holds, if it holds one."""
    value = value_of(node)
    return value if isinstance(value, torch.Tensor) else None


def is_number(node: Node) -> bool:
    """Whether the node holds a plain or symbolic number."""
    return isinstance(value_of(node), (int, float, torch.SymInt, torch.SymFloat, torch.SymBool))


def torch_dtype(dtype: Dtype) -> torch.dtype:
    """The torch dtype of a resolved `Dtype`. Raises KeyError for `fp8`, which a target resolves."""
    found: torch.dtype = getattr(torch, TORCH_NAMES[dtype.name])
    return found


def same(one: Any, other: Any) -> bool:
    """Two ints, symbolic ints, or sequences of these, statically known to be equal."""
    return bool(torch_api.statically_known_true(torch_api.sym_eq(one, other)))


def ask(question: str, tensor: Any, *more: Any) -> Any:
    """The answer to a question of `expr.TENSOR_FUNCTIONS` about a fake tensor; UNKNOWN where there is none."""
    if not isinstance(tensor, torch.Tensor):
        return UNKNOWN
    if question == "dtype":
        return FROM_TORCH.get(str(tensor.dtype).removeprefix("torch."), UNKNOWN)
    if question == "rank":
        return tensor.dim()
    if question == "numel":
        return tensor.numel()
    if question == "shape":
        return tuple(tensor.shape)
    if question == "size":
        return tensor.shape[more[0]] if -tensor.dim() <= more[0] < tensor.dim() else UNKNOWN
    if question == "device":
        return str(tensor.device)
    if question == "contiguous":
        return is_contiguous(tensor)
    return UNKNOWN


def is_contiguous(tensor: torch.Tensor) -> bool:
    """Row-major without gaps, as far as statically known; strides of dims of size 1 do not matter."""
    expected: Any = 1
    for size, stride in zip(reversed(tensor.shape), reversed(tensor.stride()), strict=True):
        if same(size, 1):
            continue
        if not same(stride, expected):
            return False
        expected = expected * size
    return True
