"""Calls of the row kernels under the emulator.

In: a case and inputs of `row_cases.py`, and how they lie in memory. Out: the kernel's results; AssertionError where it
wrote anything else: an input, or what lies between the rows. Checks no values.
"""

from __future__ import annotations

import attrs
import torch
from kernel_emulator import Buffer, Emulator, Mode
from row_cases import ACTIVATIONS, QUANTS, SOURCES, Case, Inputs, Results
from torch import Tensor

POISON = 0xA5
CHOSEN, SIZED, HELD2, SIZED_LATE, HELD4, PACKED, TILED, LOOPED = 0, 1, 2, 3, 4, 5, 6, -1  # rows_launch.h
SIZES = (1536, 2048, 4096, 5120, 7168, 8192)  # that have sized forms

# The fields of PatdslRowsCall, in order.
POINTERS = ("x", "other", "weight", "q", "scale", "scale2", "y", "sum")
NUMBERS = (
    *("rows", "hidden", "y_width", "variance_size"),
    *("x_stride", "other_stride", "q_stride", "y_stride", "sum_stride"),
    *("scale_row_stride", "scale_group_stride", "scale2_row_stride", "scale2_group_stride"),
    *("epsilon", "source", "quant", "group", "ue8m0", "weight_f32", "gemma", "int8", "dtype"),
    *("config", "device", "stream"),
)
Field = tuple[bool, int] | float


@attrs.frozen
class Layout:
    """`gap`: elements between the rows of every tensor. `misaligned`: the tensor that begins an element late.
    `scales`: row, column or padded; `second`: they are wanted in another layout too. `in_place`: y lies in x, and sum
    in other. `pad`: columns of y past the row."""

    config: int = CHOSEN
    keep: bool = True
    gap: int = 0
    misaligned: str = ""
    scales: str = "row"
    second: bool = False
    in_place: bool = False
    pad: int = 0


class RowCall:
    """One call's tensors in memory, from before it is made until its results are read."""

    def __init__(self, mode: Mode, case: Case, inputs: Inputs, layout: Layout, buffers: list[Buffer]) -> None:
        """Adds its buffers to `buffers`."""
        self._buffers, self._layout = buffers, layout
        self._tensors: dict[
            str, tuple[int, Tensor]
        ] = {}  # the buffer's number, and where the tensor is in it
        self._before: dict[int, bytes] = {}
        rows, width = inputs.x.shape
        hidden = width // (2 if case.source in ACTIVATIONS else 1)
        self._put("x", inputs.x)
        if inputs.other is not None:
            self._put("other", inputs.other)
        if inputs.weight is not None:
            self._put("weight", inputs.weight)
        if case.quant != "none":
            self._new("q", torch.int8 if case.int8 else mode.fp8, rows, hidden)
            self._put_scales(case, inputs, rows, hidden)
        if case.source == "add_norm":
            self._new("sum", case.dtype, rows, hidden, "other")
        if case.quant == "none" or layout.keep:
            pad = layout.pad if case.quant == "none" else 0
            self._new("y", case.dtype, rows, hidden + pad, "x")
        numbers = {
            "rows": rows,
            "hidden": hidden,
            "y_width": hidden + (layout.pad if case.quant == "none" else 0),
            "variance_size": case.variance_size or hidden,
            "source": SOURCES.index(case.source),
            "quant": QUANTS.index(case.quant),
            "group": case.group,
            "ue8m0": int(case.ue8m0),
            "weight_f32": int(case.weight == "f32"),
            "gemma": int(case.gemma),
            "int8": int(case.int8),
            "dtype": int(case.dtype == torch.float16),
            "config": layout.config,
        }
        for name in ("x", "other", "q", "y", "sum"):
            numbers[f"{name}_stride"] = self._stride(name, 0)
        for name in ("scale", "scale2"):
            numbers[f"{name}_row_stride"] = self._stride(name, 0)
            numbers[f"{name}_group_stride"] = self._stride(name, 1)
        self.fields: dict[str, Field] = {
            name: (1, self._tensors[name][0] if name in self._tensors else -1) for name in POINTERS
        }
        self.fields |= {name: (0, numbers.get(name, 0)) for name in NUMBERS}
        self.fields["epsilon"] = case.epsilon

    def results(self, case: Case) -> Results:
        """What the kernel wrote, after it was checked that it wrote nothing else."""
        written = {"q", "y", "sum", "scale2"} | ({"scale"} if case.quant != "static" else set())
        for number, before in self._before.items():
            after = torch.frombuffer(bytearray(self._buffers[number].content), dtype=torch.uint8)
            left = torch.ones_like(after, dtype=torch.bool)
            for name, (place, tensor) in self._tensors.items():
                if place == number and name in written:
                    size = tensor.element_size()
                    shape, strides = (*tensor.shape, size), (*(size * step for step in tensor.stride()), 1)
                    left.as_strided(shape, strides).fill_(False)
            wrong = left & (after != torch.frombuffer(bytearray(before), dtype=torch.uint8))
            names = [name for name, (place, _) in self._tensors.items() if place == number]
            assert not wrong.any(), f"written where nothing is to be written: a byte of {names}"
        return Results(**{name: self._read(name) for name in written & set(self._tensors)})

    def _read(self, name: str) -> Tensor:
        number, tensor = self._tensors[name]
        content = torch.frombuffer(bytearray(self._buffers[number].content), dtype=torch.uint8)
        return content.view(tensor.dtype).as_strided(tensor.shape, tensor.stride()).clone()

    def _stride(self, name: str, dim: int) -> int:
        return self._tensors[name][1].stride(dim) if name in self._tensors else 0

    def _put_scales(self, case: Case, inputs: Inputs, rows: int, hidden: int) -> None:
        if case.quant == "static":
            assert inputs.scale is not None
            self._add("scale", inputs.scale, inputs.scale)
            self._tensors["scale"] = (self._tensors["scale"][0], inputs.scale.reshape(1, 1))
            return
        width = case.scale_width(hidden)
        pitch = {"row": 0, "column": rows, "padded": (rows + 3) // 4 * 4 + 4}
        layouts = [self._layout.scales]
        if self._layout.second and case.quant != "token":
            layouts.append("padded" if self._layout.scales == "row" else "row")
        for name, layout in zip(("scale", "scale2"), layouts, strict=False):
            strides = (width, 1) if layout == "row" else (1, pitch[layout])
            if case.quant == "token":
                strides = ({"row": 1, "column": 2, "padded": 5}[layout], 1)
            self._poisoned(name, case.scale_dtype, (rows, width), strides)

    def _put(self, name: str, tensor: Tensor) -> None:
        """An input, with NaN between the rows."""
        if tensor.dim() == 1:
            self._add(name, tensor, tensor)
            return
        rows, width = tensor.shape
        wide = torch.full((rows, width + self._layout.gap), torch.nan, dtype=tensor.dtype)
        view = wide[:, :width]
        view.copy_(tensor)
        self._add(name, view, wide.flatten()[: max(rows * wide.shape[1] - self._layout.gap, 0)])

    def _new(self, name: str, dtype: torch.dtype, rows: int, width: int, over: str = "") -> None:
        if self._layout.in_place and over:
            self._tensors[name] = self._tensors[over]
        else:
            self._poisoned(name, dtype, (rows, width), (width + self._layout.gap, 1))

    def _poisoned(
        self, name: str, dtype: torch.dtype, shape: tuple[int, int], strides: tuple[int, int]
    ) -> None:
        """A result; past the last element that it has there is nothing, which the sanitizer watches."""
        count = 1 + (shape[0] - 1) * strides[0] + (shape[1] - 1) * strides[1] if shape[0] else 0
        memory = torch.full((count * dtype.itemsize,), POISON, dtype=torch.uint8).view(dtype)
        self._add(name, memory.as_strided(shape, strides), memory)

    def _add(self, name: str, tensor: Tensor, memory: Tensor) -> None:
        late = tensor.element_size() if self._layout.misaligned == name else 0
        content = memory.contiguous().view(torch.uint8).numpy().tobytes()
        self._tensors[name] = (len(self._buffers), tensor)
        self._before[len(self._buffers)] = content
        self._buffers.append(Buffer(content, late))


def run(emulator: Emulator, mode: Mode, case: Case, inputs: Inputs, layout: Layout = Layout()) -> Results:
    """One call, which the kernel must accept."""
    buffers: list[Buffer] = []
    call = RowCall(mode, case, inputs, layout, buffers)
    assert emulator.call("rows", buffers, list(call.fields.values())) == 0, (case, layout)
    return call.results(case)


def run_dual(
    emulator: Emulator,
    mode: Mode,
    cases: tuple[Case, Case],
    inputs: tuple[Inputs, Inputs],
    layout: Layout = Layout(),
) -> tuple[Results, Results]:
    """Both norms in one launch; the second is not quantised."""
    buffers: list[Buffer] = []
    calls = [RowCall(mode, case, each, layout, buffers) for case, each in zip(cases, inputs, strict=True)]
    fields = [field for call in calls for field in call.fields.values()]
    assert emulator.call("dual_norm", buffers, fields) == 0, (cases, layout)
    return calls[0].results(cases[0]), calls[1].results(cases[1])
