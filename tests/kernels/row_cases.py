"""What is asked of a row kernel, inputs for it, and what its results must be. On any device.

In: a case, sizes and seeds; results of a kernel. Out: tensors; AssertionError where a result is not what the contract
in `patdsl/reference` allows. The values before quantisation are measured against float64 (`row_values.py`); what
follows from values that were rounded (the sum, scales, quantised values, padding) must be equal bit for bit.
"""

from __future__ import annotations

import attrs
import torch
from row_values import assert_same, check_values
from torch import Tensor

from patdsl.reference import quantise
from patdsl.runtime.target import use_target

SOURCES = ("plain", "norm", "add_norm", "gated_norm", "silu_mul", "gelu_mul")
QUANTS = ("none", "static", "token", "group", "mx")
NORMS = ("norm", "add_norm", "gated_norm")
ACTIVATIONS = ("silu_mul", "gelu_mul")


@attrs.frozen
class Case:
    """One source with one quantisation. `weight`: T, f32 or none. `variance_size`: None for all columns."""

    source: str
    quant: str = "none"
    dtype: torch.dtype = torch.bfloat16
    group: int = 0
    ue8m0: bool = False
    int8: bool = False
    weight: str = "T"
    gemma: bool = False
    variance_size: int | None = None
    epsilon: float = 1e-6

    @property
    def name(self) -> str:
        quant = f"{self.quant}{self.group or ''}{'-ue8m0' * self.ue8m0}{'-int8' * self.int8}"
        return f"{self.source}-{quant}-{'f16' if self.dtype == torch.float16 else 'bf16'}"

    @property
    def scale_dtype(self) -> torch.dtype:
        return torch.uint8 if self.quant == "mx" else torch.float32

    def scale_width(self, hidden: int) -> int:
        """Scales of a row."""
        return (hidden + self.group - 1) // self.group if self.group else 1


@attrs.frozen
class Inputs:
    """x and other T[rows, hidden] (activations: x T[rows, 2 hidden]), weight [hidden], the static scale f32[1]."""

    x: Tensor
    other: Tensor | None = None
    weight: Tensor | None = None
    scale: Tensor | None = None

    def row(self, number: int) -> Inputs:
        """One row alone."""
        one = slice(number, number + 1)
        return attrs.evolve(self, x=self.x[one], other=None if self.other is None else self.other[one])


@attrs.frozen
class Results:
    """What a kernel gave: y T[rows, y_width], q [rows, hidden], scales [rows, scale_width] in any strides."""

    y: Tensor | None = None
    q: Tensor | None = None
    scale: Tensor | None = None
    scale2: Tensor | None = None
    sum: Tensor | None = None

    def row(self, number: int) -> Results:
        one = slice(number, number + 1)
        return Results(**{name: None if got is None else got[one] for name, got in named(self).items()})


def named(results: Results) -> dict[str, Tensor | None]:
    return {field.name: getattr(results, field.name) for field in attrs.fields(Results)}


def make_inputs(case: Case, rows: int, hidden: int, seed: int, device: str = "cpu") -> Inputs:
    """Rows over some orders of magnitude, from the fourth row on one of zeros; gates from far below 0 to far above."""
    generator = torch.Generator(device).manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    spread = torch.exp2(4 * draw(rows, 1))
    gates = draw(rows, hidden) * torch.exp2(2 * draw(rows, hidden))
    x = draw(rows, hidden) * spread
    other = draw(rows, hidden) * spread
    if rows > 3:
        x[3] = other[3] = 0
    if case.source in ACTIVATIONS:
        return Inputs(torch.cat((gates, x), 1).to(case.dtype), scale=_static_scale(case, draw(1)))
    weight = 1 + 0.25 * draw(hidden)
    wanted = {"T": case.dtype, "f32": torch.float32, "none": None}[case.weight]
    return Inputs(
        x.to(case.dtype),
        {"add_norm": other, "gated_norm": gates}[case.source].to(case.dtype)
        if case.source in ("add_norm", "gated_norm")
        else None,
        weight.to(wanted) if case.source in NORMS and wanted is not None else None,
        _static_scale(case, draw(1)),
    )


def _static_scale(case: Case, noise: Tensor) -> Tensor | None:
    """Some of the values pass the limit."""
    return 0.004 * torch.exp2(noise) if case.quant == "static" else None


def plant(case: Case, inputs: Inputs) -> Inputs:
    """NaN, infinities, the largest numbers and subnormal ones, in six rows or more; in a long weight too."""
    nan, infinity = float("nan"), float("inf")
    x, hidden = inputs.x.clone(), inputs.x.shape[1]
    x[0, 17 % hidden] = nan
    x[1, 200 % hidden] = infinity
    x[2, 3 % hidden], x[2, 90 % hidden] = infinity, -infinity
    x[4] = (x[4].float().tanh() * torch.finfo(case.dtype).max).to(case.dtype)
    x[5] = (x[5].float() * torch.finfo(case.dtype).tiny / 8).to(case.dtype)
    weight = inputs.weight
    if weight is not None and hidden > 450:
        weight = weight.clone()
        weight[300], weight[450] = nan, infinity
    other = inputs.other
    if other is not None:
        other = other.clone()
        other[5] = x[5]
        other[0, 40 % hidden], other[1, 41 % hidden], other[2, 42 % hidden] = infinity, nan, -infinity
    return attrs.evolve(inputs, x=x, weight=weight, other=other)


def check(case: Case, inputs: Inputs, got: Results, fp8: torch.dtype) -> None:
    """Checks every result there is. Without quantisation `y` must be there; quantised values are checked against it."""
    hidden = inputs.x.shape[1] // (2 if case.source in ACTIVATIONS else 1)
    if case.source == "add_norm":
        assert got.sum is not None
        assert inputs.other is not None
        assert_same(got.sum, (inputs.x.float() + inputs.other.float()).to(case.dtype), "sum")
    assert got.y is not None
    y = got.y[:, :hidden]
    check_values(case, inputs, y)
    assert_same(got.y[:, hidden:], torch.zeros_like(got.y[:, hidden:]), "padding")
    check_quant(case, y, inputs.scale, got, fp8)


def check_quant(case: Case, y: Tensor, static: Tensor | None, got: Results, fp8: torch.dtype) -> None:
    """`q` and the scales must be what the reference makes of the values `y`; a row's last group may be short."""
    if case.quant == "none":
        return
    hidden = y.shape[1]
    dtype = torch.int8 if case.int8 else fp8
    scale: Tensor | None = None
    with use_target("gfx942" if fp8 == torch.float8_e4m3fnuz else "cpu"):
        if case.quant == "static":
            assert static is not None
            q = quantise.static_quant(y, static, dtype)
        elif case.quant == "token":
            q, scale = quantise.token_quant(y, dtype)
        else:
            whole = torch.nn.functional.pad(y, (0, case.scale_width(hidden) * case.group - hidden))
            if case.quant == "mx":
                q, scale = quantise.mx_quant(whole)
            else:
                q, scale = quantise.group_quant(whole, case.group, ue8m0=case.ue8m0, quant_dtype=dtype)
    assert got.q is not None
    if scale is not None:
        assert got.scale is not None
        assert_same(got.scale, scale, "scale")
        if got.scale2 is not None:
            assert_same(got.scale2, scale, "scale2")
    assert got.q.dtype == dtype
    assert_same(got.q, q[:, :hidden], "q")


def assert_equal(got: Results, wanted: Results) -> None:
    """Both have the same results, bit for bit."""
    for name, tensor in named(got).items():
        other = named(wanted)[name]
        assert (tensor is None) == (other is None), name
        if tensor is not None and other is not None:
            assert_same(tensor, other, name)
