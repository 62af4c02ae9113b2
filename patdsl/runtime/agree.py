"""Whether a new value can stand in for an old one.

In: two fake tensors. Out: None, or a sentence that names the first difference. Compares dtype, dims, device and exact
strides; symbolic dims agree only where that is statically known.
"""

from __future__ import annotations

from typing import Any

import torch

from patdsl.runtime.values import same


def disagreement(old: Any, new: Any, restride: bool = False) -> str | None:
    """Why `new` is no substitute for `old`; `restride` lets the strides differ."""
    if not isinstance(old, torch.Tensor) or not isinstance(new, torch.Tensor):
        return "its type is not known" if old is None or new is None else "it is no tensor"
    if old.dtype != new.dtype:
        return f"dtype is {_dtype(new)}, was {_dtype(old)}"
    if not same(tuple(old.shape), tuple(new.shape)):
        return f"dims are {_list(new.shape)}, were {_list(old.shape)}"
    if old.device != new.device:
        return f"device is {new.device}, was {old.device}"
    if old.layout != new.layout:
        return f"layout is {new.layout}, was {old.layout}"
    if not restride and not same(tuple(old.stride()), tuple(new.stride())):
        return f"strides are {_list(new.stride())}, were {_list(old.stride())}"
    return None


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _list(numbers: Any) -> str:
    return "[" + ", ".join(map(str, numbers)) + "]"
