"""The norm and group quantisation kernels under the emulator, against float64 and bit for bit."""

from __future__ import annotations

import attrs
import norm_cases
import pytest
import torch
from kernel_emulator import Buffer, Emulator, Mode
from norm_cases import Results
from torch import Tensor

pytestmark = pytest.mark.slow

LOOPED = -1
BF16, F16 = torch.bfloat16, torch.float16
POISON = 0xA5


@attrs.frozen
class Layout:
    """How the call's memory is laid out, and which kernel is asked for."""

    config: int = 0
    col_major: bool = False
    misaligned: int = 0  # bytes, of x
    row_padding: int = 0  # elements between rows of x and residual


def run(
    emulator: Emulator,
    mode: Mode,
    x: Tensor,
    residual: Tensor | None,
    weight: Tensor,
    group: int,
    epsilon: float = 1e-6,
    layout: Layout = Layout(),
    keep: bool = True,
) -> Results:
    """One call; fails unless the kernel accepts it."""
    rows, hidden = x.shape
    groups = (hidden + group - 1) // group
    stride = hidden + layout.row_padding

    def padded(tensor: Tensor) -> bytes:
        wide = torch.full((rows, stride), float("nan"), dtype=tensor.dtype)
        wide[:, :hidden] = tensor
        # The last row has no padding: reading it is an error that the sanitizer sees.
        return raw(wide.flatten()[: max(rows * stride - layout.row_padding, 0)])

    buffers = [Buffer(padded(x), layout.misaligned), Buffer(raw(weight))]
    numbers = {"x": 0, "weight": 1, "residual": -1, "keep": -1, "sum": -1}

    def add(name: str, content: bytes) -> None:
        numbers[name] = len(buffers)
        buffers.append(Buffer(content))

    def poison(size: int) -> bytes:
        return bytes([POISON]) * size

    add("q", poison(rows * hidden))
    add("scale", poison(4 * rows * groups))
    if residual is not None:
        add("residual", padded(residual))
        add("sum", poison(2 * rows * hidden))
    if keep:
        add("keep", poison(2 * rows * hidden))
    addresses = ("x", "residual", "weight", "q", "scale", "keep", "sum")
    scale_strides = (1, rows) if layout.col_major else (groups, 1)
    values = (rows, hidden, group, stride, stride, hidden, hidden, hidden, *scale_strides)
    fields: list[tuple[bool, int] | float] = [(True, numbers[name]) for name in addresses]
    fields += [(False, value) for value in values]
    fields += [epsilon, (False, int(x.dtype == F16)), (False, layout.config), (False, 0), (False, 0)]
    assert emulator.call("norm_group_quant", buffers, fields) == 0

    def taken(name: str, dtype: torch.dtype, *shape: int) -> Tensor:
        content = bytearray(buffers[numbers[name]].content)
        return (
            torch.frombuffer(content, dtype=dtype).reshape(shape)
            if content
            else torch.empty(shape, dtype=dtype)
        )

    shape = (groups, rows) if layout.col_major else (rows, groups)
    scale = taken("scale", torch.float32, *shape)
    return Results(
        taken("q", mode.fp8, rows, hidden),
        scale.T if layout.col_major else scale,
        taken("keep", x.dtype, rows, hidden) if keep else None,
        None if residual is None else taken("sum", x.dtype, rows, hidden),
    )


def raw(tensor: Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


def check_call(
    emulator: Emulator,
    mode: Mode,
    rows: int,
    hidden: int,
    group: int,
    dtype: torch.dtype,
    add: bool,
    layout: Layout,
) -> None:
    x, residual, weight = norm_cases.make_inputs(rows, hidden, dtype, seed=rows * 7919 + hidden)
    other = residual if add else None
    got = run(emulator, mode, x, other, weight, group, layout=layout)
    norm_cases.check(got, x, other, weight, 1e-6, group, mode.limit)


@pytest.mark.parametrize("add", [False, True], ids=["norm", "add"])
@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
@pytest.mark.parametrize("hidden", [1, 7, 8, 32, 128, 130, 512, 1000, 1536, 4096, 7168])
def test_any_hidden_size(emulator: Emulator, mode: Mode, hidden: int, dtype: torch.dtype, add: bool) -> None:
    """The kernel that the launcher picks, also for sizes that no vector divides."""
    for group in (32, 64, 128):
        check_call(emulator, mode, 3, hidden, group, dtype, add, Layout())


@pytest.mark.parametrize("config", [1, 2, 4, LOOPED])
@pytest.mark.parametrize("hidden", [128, 1536, 4096])
def test_every_form(emulator: Emulator, mode: Mode, hidden: int, config: int) -> None:
    layout = Layout(config=config)
    check_call(emulator, mode, 2, hidden, 128, BF16, True, layout)
    check_call(emulator, mode, 2, hidden, 64, F16, False, layout)


@pytest.mark.parametrize("hidden", [16384, 16392, 65528, 65536])
def test_long_rows(emulator: Emulator, mode: Mode, hidden: int) -> None:
    check_call(emulator, mode, 1, hidden, 128, BF16, True, Layout())


@pytest.mark.parametrize("layout", [Layout(col_major=True), Layout(row_padding=24), Layout(row_padding=3)])
def test_strides(emulator: Emulator, mode: Mode, layout: Layout) -> None:
    check_call(emulator, mode, 5, 1536, 128, BF16, True, layout)
    check_call(emulator, mode, 5, 256, 32, F16, False, layout)


@pytest.mark.parametrize("misaligned", [2, 4, 8, 14])
def test_misaligned(emulator: Emulator, mode: Mode, misaligned: int) -> None:
    check_call(emulator, mode, 2, 1024, 64, BF16, False, Layout(misaligned=misaligned))


def test_no_rows(emulator: Emulator, mode: Mode) -> None:
    x, residual, weight = norm_cases.make_inputs(0, 256, BF16, seed=0)
    got = run(emulator, mode, x, residual, weight, 128)
    assert got.q.numel() == 0


def test_keeping_changes_nothing(emulator: Emulator, mode: Mode) -> None:
    x, residual, weight = norm_cases.make_inputs(4, 4096, BF16, seed=11)
    for other in (None, residual):
        kept = run(emulator, mode, x, other, weight, 128)
        alone = run(emulator, mode, x, other, weight, 128, keep=False)
        norm_cases.assert_same(alone.q.float(), kept.q.float(), "q")
        norm_cases.assert_same(alone.scale, kept.scale, "scale")


@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
@pytest.mark.parametrize("config", [2, LOOPED])
def test_nan_and_infinity(emulator: Emulator, mode: Mode, dtype: torch.dtype, config: int) -> None:
    """A NaN makes its row NaN; an infinity makes the row 0 and itself NaN; a weight's stay in their group."""
    nan, infinity = float("nan"), float("inf")
    x, _, weight = norm_cases.make_inputs(6, 512, dtype, seed=3)
    x[0, 17], x[1, 200], x[3, 3] = nan, infinity, -infinity
    weight[300], weight[450] = nan, infinity
    got = run(emulator, mode, x, None, weight, 128, layout=Layout(config=config))
    norm_cases.check(got, x, None, weight, 1e-6, 128, mode.limit)
    assert got.keep is not None
    assert got.q[0].float().isnan().all()
    assert got.scale[0].isnan().all()
    assert got.keep[1].isnan().nonzero().flatten().tolist()[0] == 200
    assert not got.q[4, :256].float().isnan().any()
    assert got.q[4, 256:384].float().isnan().all()
    assert got.scale[4, 3] == infinity


def test_every_magnitude(emulator: Emulator, mode: Mode) -> None:
    """Groups whose largest value is each power of two of the dtype, and all its mantissas: every scale is exact."""
    for dtype, bits in ((BF16, range(0, 0x7F80, 61)), (F16, range(0, 0x7C00, 53))):
        tops = torch.tensor(list(bits), dtype=torch.int16).view(dtype)
        generator = torch.Generator().manual_seed(5)
        weight = torch.rand(tops.numel(), 32, generator=generator).mul(tops.float().unsqueeze(1)).to(dtype)
        weight[:, 7] = tops
        x = torch.ones(1, weight.numel(), dtype=dtype)
        got = run(emulator, mode, x, None, weight.flatten(), 32, epsilon=0.0)
        assert got.keep is not None
        norm_cases.assert_same(got.keep.reshape(-1, 32), weight, "norm")
        norm_cases.check_quant(got, 32, mode.limit)


@pytest.mark.parametrize(
    ("place", "value"), [(7, -1), (8, 0), (8, 65537), (9, 16), (18, 2), (19, 3)], ids=lambda pair: str(pair)
)
def test_bad_arguments(emulator: Emulator, place: int, value: int) -> None:
    """rows, hidden, group, dtype and config that no kernel takes: -1, and nothing is read."""
    fields: list[tuple[bool, int] | float] = [(True, 0)] * 7
    fields += [(False, number) for number in (1, 128, 128, 128, 128, 128, 128, 128, 1, 1)]
    fields += [1e-6, (False, 0), (False, 0), (False, 0), (False, 0)]
    fields[place] = (False, value)
    assert emulator.call("norm_group_quant", [Buffer(b"")], fields) == -1
