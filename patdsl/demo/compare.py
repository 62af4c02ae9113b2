"""Results of a model against other results of it, and against float64.

In: results as models return them: tensors, or pairs (quantised, scale). Out: largest distances, in steps: the distance
of neighbouring values of the result's dtype at the exact value. Knows nothing of models but their results' form.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import torch
from torch import Tensor

#: A tensor, or (quantised, scale), the scale one for each group of neighbours in the last dimension.
Result: TypeAlias = Any


def same(left: Result, right: Result) -> bool:
    """Whether both are alike in dtype, shape, strides and every bit."""
    if not isinstance(left, Tensor):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if (left.dtype, left.shape, left.stride()) != (right.dtype, right.shape, right.stride()):
        return False
    return torch.equal(_bits(left), _bits(right))


def distance(result: Result, other: Result, exact: Result, sums: bool = False) -> float:
    """The largest distance of `result` from `other`, in steps at `exact`; infinite for NaN or another shape.

    `other` may be `exact` itself. `sums`: no step is taken for smaller than that at the RMS of `exact`.
    """
    dtype = (result if isinstance(result, Tensor) else result[0]).dtype
    at, unit = (exact, torch.ones(())) if isinstance(exact, Tensor) else (exact[0], _spread(*exact))
    mine, others = value(result), value(other)
    if mine.shape != others.shape:
        return math.inf
    if sums:
        at = at.abs().clamp(min=at.square().mean().sqrt())
    steps = (mine - others).abs() / (step(at, dtype) * unit)
    if steps.isnan().any():
        return math.inf
    return float(steps.max()) if steps.numel() else 0.0


def value(result: Result) -> Tensor:
    """The float64 numbers that a result stands for, on the CPU: a quantised one is multiplied by its scales."""
    if isinstance(result, Tensor):
        return result.detach().to("cpu", torch.float64)
    quantised, scale = value(result[0]), value(result[1])
    return quantised * _spread(quantised, scale)


def step(at: Tensor, dtype: torch.dtype) -> Tensor:
    """The distance of `dtype`'s neighbours at each (float64) value; that of the smallest normal number below it."""
    info = torch.finfo(dtype)
    magnitude = at.abs().clamp(min=info.smallest_normal)
    _, exponent = torch.frexp(magnitude)
    return torch.ldexp(torch.full_like(magnitude, info.eps), exponent - 1)


def _spread(quantised: Tensor, scale: Tensor) -> Tensor:
    """The scale of each element."""
    return scale.repeat_interleave(quantised.shape[-1] // scale.shape[-1], -1)


def _bits(tensor: Tensor) -> Tensor:
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    return tensor.contiguous().view(whole)
