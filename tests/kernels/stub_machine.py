"""Calls of the row ops on CPU tensors: C functions in Python that read a call's fields and compute by the reference.

In: nothing. Out: a `Stub` that stands for a GPU; it keeps the fields of its calls by name. It writes where the fields
say and nowhere else, so that an op gives what the reference gives if, and only if, its fields are right.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from patdsl.kernels import rows_call
from patdsl.kernels.rows_call import FIELDS, Machine
from patdsl.reference import unfused

STREAM = 0xFEED0
#: PatdslRowsCall of kernels/src/rows_abi.h.
NAMES = (
    *("x", "other", "weight", "q", "scale", "scale2", "y", "sum"),
    *("rows", "hidden", "y_width", "variance_size"),
    *("x_stride", "other_stride", "q_stride", "y_stride", "sum_stride"),
    *("scale_row_stride", "scale_group_stride", "scale2_row_stride", "scale2_group_stride"),
    *("epsilon", "source", "quant", "group", "ue8m0", "weight_f32", "gemma", "int8", "dtype"),
    *("config", "device", "stream"),
)
SOURCES = ("plain", "norm", "add_norm", "gated_norm", "silu_mul", "gelu_mul")
QUANTS = ("none", "static", "token", "group", "mx")


class Stub:
    """`calls`: of each launch the fields of its halves. `result`: what the functions answer; nothing is computed where
    it is not 0."""

    def __init__(self, fp8: torch.dtype = torch.float8_e4m3fn) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.result = 0
        self.fp8 = fp8

    def call(self, packed: bytes) -> int:
        halves = tuple(
            SimpleNamespace(**dict(zip(NAMES, each, strict=True))) for each in FIELDS.iter_unpack(packed)
        )
        self.calls.append(halves)
        if self.result == 0:
            for half in halves:
                _compute(half, self.fp8)
        return self.result

    def only(self) -> Any:
        """The fields of the one call that was made."""
        ((fields,),) = self.calls
        return fields


@contextmanager
def on_cpu(fp8: torch.dtype = torch.float8_e4m3fn) -> Iterator[Stub]:
    """Within the block CPU tensors pass for those of a GPU with the index that torch gives the CPU."""
    stub = Stub(fp8)
    rows_call._machines[-1] = Machine(stub.call, stub.call, fp8, lambda index: STREAM)
    try:
        yield stub
    finally:
        del rows_call._machines[-1]


def _compute(f: Any, fp8: torch.dtype) -> None:
    source, quant = SOURCES[f.source], QUANTS[f.quant]
    dtype = torch.float16 if f.dtype else torch.bfloat16
    width = 2 * f.hidden if source in ("silu_mul", "gelu_mul") else f.hidden
    x = _at(f.x, dtype, (f.rows, width), (f.x_stride, 1)).clone()
    other = _at(f.other, dtype, (f.rows, f.hidden), (f.other_stride, 1)).clone() if f.other else None
    weight = _at(f.weight, torch.float32 if f.weight_f32 else dtype, (f.hidden,), (1,)) if f.weight else None
    options = (weight, f.epsilon, f.variance_size, bool(f.gemma))
    total = None
    if source == "norm":
        y = unfused.rms_norm(x, *options)
    elif source == "add_norm":
        assert other is not None
        y, total = unfused.fused_add_rms_norm(x, other, *options)
    elif source == "gated_norm":
        assert other is not None
        assert weight is not None
        y = unfused.rms_norm_gated(x, other, weight, f.epsilon)
    else:
        y = {"plain": torch.clone, "silu_mul": unfused.silu_and_mul, "gelu_mul": unfused.gelu_and_mul}[
            source
        ](x)
    assert bool(f.sum) == (total is not None)
    if total is not None:
        _at(f.sum, dtype, (f.rows, f.hidden), (f.sum_stride, 1)).copy_(total)
    if f.y:
        out = _at(f.y, dtype, (f.rows, f.y_width), (f.y_stride, 1))
        out.zero_()[:, : f.hidden] = y
    assert bool(f.q) == (quant != "none")
    if f.q:
        _quantise(f, quant, y, torch.int8 if f.int8 else fp8)


def _quantise(f: Any, quant: str, y: Tensor, dtype: torch.dtype) -> None:
    if quant == "static":
        q = unfused.static_quant(y, _at(f.scale, torch.float32, (1,), (1,)), dtype)
        scale = None
    elif quant == "token":
        q, scale = unfused.token_quant(y, dtype)
    elif quant == "group":
        padded = torch.nn.functional.pad(y, (0, -f.hidden % f.group))
        q, scale = unfused.group_quant(padded, f.group, ue8m0=bool(f.ue8m0), quant_dtype=dtype)
    else:
        assert f.group == 32
        q, scale = unfused.mx_quant(y)
    _at(f.q, dtype, (f.rows, f.hidden), (f.q_stride, 1)).copy_(q[:, : f.hidden])
    if scale is not None:
        _at(f.scale, scale.dtype, scale.shape, (f.scale_row_stride, f.scale_group_stride)).copy_(scale)
        if f.scale2:
            _at(f.scale2, scale.dtype, scale.shape, (f.scale2_row_stride, f.scale2_group_stride)).copy_(scale)


def _at(address: int, dtype: torch.dtype, shape: tuple[int, ...], strides: tuple[int, ...]) -> Tensor:
    """The tensor that lies at an address."""
    reach = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    memory = (ctypes.c_char * (reach * dtype.itemsize)).from_address(address)
    return torch.frombuffer(memory, dtype=torch.uint8).view(dtype).as_strided(shape, strides)
