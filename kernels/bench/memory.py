"""Memory of the timed calls.

In: shapes. Out: tensors of normal random numbers to read, tensors to write. `Blocks` takes them in turn from two large
blocks, each 512 bytes aligned and with no `_base`, so that Inductor sees ordinary inputs: two allocations in all for
hundreds of calls. `Apart` allocates each, for checks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

ALIGNMENT = 512


class Memory(Protocol):
    """Where a work takes its buffers."""

    device: str

    def input(self, *shape: int) -> Tensor:
        """bf16, of normal random numbers."""

    def output(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """To be written."""

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What all calls share: made at the first, the same after that."""


class Apart:
    """Each tensor by itself."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._shared: dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        return _once(self._shared, name, make)

    def input(self, *shape: int) -> Tensor:
        return torch.randn(*shape, device=self.device).to(torch.bfloat16)

    def output(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.empty(*shape, dtype=dtype, device=self.device)


class Blocks:
    """Two blocks of `size` bytes each: one to read, one to write."""

    def __init__(self, size: int, device: str) -> None:
        self.size, self.device = size, device
        self._inputs = torch.empty(size // 2, dtype=torch.bfloat16, device=device).normal_()
        self._outputs = torch.zeros(size, dtype=torch.uint8, device=device)
        self._places = {"inputs": 0, "outputs": 0}
        self._shared: dict[str, Any] = {}

    def reset(self) -> None:
        """What was taken may be taken again."""
        self._places = dict.fromkeys(self._places, 0)
        self._shared.clear()

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        return _once(self._shared, name, make)

    def input(self, *shape: int) -> Tensor:
        return self._take("inputs", self._inputs, shape, torch.bfloat16)

    def output(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return self._take("outputs", self._outputs, shape, dtype)

    def _take(self, name: str, block: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        place = self._places[name]
        taken = math.prod(shape) * dtype.itemsize
        self._places[name] = place + (taken + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
        if self._places[name] > self.size:
            raise MemoryError(f"the {name} of a size take more than {self.size} bytes")
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        tensor = torch.empty(0, dtype=dtype, device=self.device)
        return tensor.set_(block.untyped_storage(), place // dtype.itemsize, shape, strides)


def _once(shared: dict[str, Any], name: str, make: Callable[[], Any]) -> Any:
    if name not in shared:
        shared[name] = make()
    return shared[name]
