"""Calls of the row ops on CPU tensors, with C functions that only record what they are given.

In: nothing. Out: a `Recorder` that stands for a GPU, and calls as fields by name. Computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from patdsl.kernels import rows_call
from patdsl.kernels.rows_call import FIELDS, Machine

STREAM = 0xFEED0
#: In the order of PatdslRowsCall in kernels/src/rows_abi.h, which a test reads.
NAMES = (
    *("x", "other", "weight", "q", "scale", "scale2", "y", "sum"),
    *("rows", "hidden", "y_width", "variance_size"),
    *("x_stride", "other_stride", "q_stride", "y_stride", "sum_stride"),
    *("scale_row_stride", "scale_group_stride", "scale2_row_stride", "scale2_group_stride"),
    *("epsilon", "source", "quant", "group", "ue8m0", "weight_f32", "gemma", "int8", "dtype"),
    *("config", "device", "stream"),
)

Fields = dict[str, int | float]


class Recorder:
    """`calls`: one entry a launch, with the fields of each half; `result` is what the C functions answer."""

    def __init__(self, fp8: torch.dtype = torch.float8_e4m3fn) -> None:
        self.calls: list[tuple[Fields, ...]] = []
        self.result = 0
        self.machine = Machine(self._call, self._call, fp8, lambda index: STREAM)

    def _call(self, packed: bytes) -> int:
        halves = FIELDS.iter_unpack(packed)
        self.calls.append(tuple(dict(zip(NAMES, half, strict=True)) for half in halves))
        return self.result

    def only(self) -> Fields:
        """The fields of the one call that was made."""
        ((fields,),) = self.calls
        return fields


@contextmanager
def on_cpu(fp8: torch.dtype = torch.float8_e4m3fn) -> Iterator[Recorder]:
    """Within the block CPU tensors pass for those of a GPU, whose index is -1."""
    recorder = Recorder(fp8)
    rows_call._machines[-1] = recorder.machine
    try:
        yield recorder
    finally:
        del rows_call._machines[-1]
