"""Whether what a kernel wrote is what `patdsl.reference` gives.

In: a work, its buffers, ways to compute it. Out: a line for each result that differs. A row's squares are added in
another order than the reference adds them, which may tip a rounding of the norm to the next bf16 and of q to the next
fp8: a small share of neighbours is no fault, more than that or any other value is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from families import Work
from torch import Tensor

SHARE, FEW = (
    0.02,
    16,
)  # this share of the values of a result, and so many more, may be neighbours of those wanted
STEPS = {
    torch.bfloat16: 2**-6,  # two: the norm is rounded before and after the product with the weight
    torch.float8_e4m3fn: 2**-3,
    torch.float32: 2**-6,
}  # from a value to its neighbour
LEAST = {
    torch.float8_e4m3fn: 2**-9,
    torch.bfloat16: 2**-16,
}  # apart by no more is no fault: gelu's tail cancels
POISON = 0x5A


def faults(work: Work, buffers: Any, ways: Mapping[str, Callable[[], object]]) -> list[str]:
    """What is wrong with the results of each way."""
    wanted = work.wanted(buffers)
    found = []
    for name, launch in ways.items():
        for tensor in work.written(buffers):
            tensor.view(torch.uint8).fill_(POISON)
        launch()
        for result, got in work.results(buffers).items():
            fault = difference(got, wanted[result])
            if fault:
                found.append(f"{work.family} {work.rows} x {work.hidden}, {name}: {result}: {fault}")
    return found


def difference(got: Tensor, want: Tensor) -> str | None:
    """How `got` differs from `want` by more than roundings, or None."""
    if got.shape != want.shape:
        return f"shape {list(got.shape)}, wanted {list(want.shape)}"
    a, b = got.float(), want.float()
    apart = (a - b).abs()
    if got.dtype == torch.uint8:  # exponents
        beyond = ~(apart <= 1.0)
    else:
        least = LEAST.get(got.dtype, 1e-30)
        beyond = ~(apart <= b.abs() * STEPS[got.dtype] * 1.01 + least)
    if beyond.any():
        return f"{int(beyond.sum())} of {a.numel()} values beyond a neighbour, by {apart[beyond].max():.3g} at most"
    if got.dtype in (torch.float32, torch.uint8):
        return None  # a scale follows the largest of its group: any of a few scales may move
    moved = int((a != b).sum())
    most = SHARE * a.numel() + FEW
    return f"{moved} of {a.numel()} values are neighbours of those wanted" if moved > most else None
