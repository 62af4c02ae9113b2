"""The call of the row kernels: its fields, the functions of a GPU, tensors as rows.

In: tensors on a GPU. Out: what a C call needs of them. Launches nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from patdsl.kernels import library
from patdsl.kernels.library import CFunction
from patdsl.torch_private import stream_getter

# Of kernels/src/rows_abi.h.
PLAIN, NORM, ADD_NORM, GATED_NORM, SILU_MUL, GELU_MUL = range(6)
NONE, STATIC, TOKEN, GROUP, MX = range(5)
#: Two halves make a row of these sources.
HALVES = SILU_MUL
#: The fields of PatdslRowsCall.
FIELDS = struct.Struct("=8Q13qd10qQ")
pack = FIELDS.pack


class Machine(NamedTuple):
    """What a GPU has: the C functions, the fp8 that they write, and its current stream, by its index."""

    rows: CFunction
    dual_norm: CFunction
    fp8: torch.dtype
    stream: Callable[[int], int]


_machines: dict[int, Machine] = {}


def machine(op: str, x: Tensor, name: str = "x") -> Machine:
    """That of the GPU which `x` is on. Builds the kernels where they are not built yet."""
    return _machines.get(x.get_device()) or _new_machine(op, x, name)


def _new_machine(op: str, x: Tensor, name: str) -> Machine:
    index = x.get_device()
    if index < 0:
        raise ValueError(f"{op}: {name} is on {x.device}; accepted: a GPU")
    rows, dual_norm = (library.function(name, index) for name in ("patdsl_rows", "patdsl_dual_norm"))
    fp8 = library.fp8_dtype(library.device_arch(index))
    found = _machines[index] = Machine(rows, dual_norm, fp8, stream_getter())
    return found


def lies_in_rows(x: Tensor) -> bool:
    """Whether `x` is rows of dense elements, in even steps and apart."""
    if x.is_contiguous():
        return True
    try:
        return row_stride(x.view(-1, x.shape[-1])) is not None
    except RuntimeError:  # torch's way to say that the leading dimensions do not merge
        return False


def dense_rows(x: Tensor, rows: int, width: int) -> tuple[Tensor, int]:
    """`x`, which is not contiguous, as rows of dense elements, and the stride from row to row: a view where there is
    one, else a copy."""
    with torch.no_grad():
        x = x.reshape(rows, width)
        stride = row_stride(x)
        return (x.contiguous(), width) if stride is None else (x, stride)


def row_stride(x: Tensor) -> int | None:
    """From row to row of the matrix `x`, which is not contiguous; None where rows are not dense, or overlap."""
    width = x.shape[1]
    stride, step = x.stride()
    return stride if (step == 1 or width == 1) and stride >= width else None
