"""The row ops on a GPU, through torch's dispatch: against float64, and bit for bit."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import row_cases
import torch
from gpu_rows import BF16, F16, INT8, call, fp8, op, values, with_options
from row_cases import ACTIVATIONS, NORMS, Case, Inputs, Results
from row_values import assert_same, check_values
from torch import Tensor

import patdsl.reference  # noqa: F401  registers the ops
from patdsl.kernels import bind, rows
from patdsl.kernels.rows_launch import SOURCES

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use"),
]

HIDDEN = (1, 8, 31, 32, 100, 1536, 2048, 4096, 5120, 7168, 8192, 12288, 16384, 20000, 65536)
ROWS = (3, 0, 129, 1, 1025)
MOST = 2**23  # elements of a case
QUANTS: dict[str, dict[str, Any]] = {
    "none": {"quant": "none"},
    "static": {"quant": "static"},
    "static-int8": {"quant": "static", "int8": True},
    "token": {"quant": "token"},
    "token-int8": {"quant": "token", "int8": True},
    "group32": {"quant": "group", "group": 32},
    "group64": {"quant": "group", "group": 64},
    "group128": {"quant": "group", "group": 128},
    "group128-ue8m0": {"quant": "group", "group": 128, "ue8m0": True},
    "group64-int8": {"quant": "group", "group": 64, "int8": True},
    "group32-ue8m0-int8": {"quant": "group", "group": 32, "ue8m0": True, "int8": True},
    "mx": {"quant": "mx", "group": 32},
}
PAIRS = [
    (source, quant)
    for source in SOURCES
    for quant in QUANTS
    if (source, quant) != ("plain", "none")
    and (source != "gated_norm" or quant in ("none", "group32", "group64", "group128"))
]


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    bind.register()  # also where PATDSL_KERNELS is 0


def takes(case: Case, hidden: int) -> bool:
    return case.source == "gated_norm" or not case.group or hidden % case.group == 0


def check_case(case: Case, inputs: Inputs, **layout: Any) -> None:
    """The op, and the one that keeps the values, which must give the same."""
    got = call(case, inputs, **layout)
    if case.quant != "none":
        if case.source in ("norm", "add_norm"):
            kept = call(case, inputs, keep=True, **layout)
            row_cases.assert_equal(attrs.evolve(kept, y=None), got)
        elif case.source == "gated_norm":
            kept = attrs.evolve(got, y=call(attrs.evolve(case, quant="none", group=0), inputs).y)
        else:
            kept = attrs.evolve(got, y=values(case, inputs))
        got = kept
    if layout:
        assert got.scale is not None
        count = got.scale.shape[0]
        pitch = (count + 3) // 4 * 4 if layout.get("tma_aligned") else max(count, 1)
        assert got.scale.stride() == (1, pitch)
    row_cases.check(case, inputs, got, fp8())


@pytest.mark.parametrize(("source", "quant"), PAIRS, ids=str)
def test_every_op(source: str, quant: str) -> None:
    """Every hidden size with two numbers of rows; dtype, weight and layout of the scales in turn."""
    for number, hidden in enumerate(HIDDEN):
        for dtype in (BF16, F16):
            turn = number + 3 * (dtype == F16)
            case = with_options(Case(source, dtype=dtype, **QUANTS[quant]), turn + len(quant), hidden)
            count = min(ROWS[turn % len(ROWS)], MOST // hidden)
            if takes(case, hidden):
                inputs = row_cases.make_inputs(case, count, hidden, turn, "cuda")
                layout = {"col_major": True, "tma_aligned": turn % 3 == 0} if turn % 2 else {}
                check_case(case, inputs, **layout if case.quant == "group" and source != "gated_norm" else {})


@pytest.mark.parametrize(("source", "quant"), PAIRS, ids=str)
def test_nan_and_infinity(source: str, quant: str) -> None:
    """In a row that is held, in a long one and in one that no vector divides."""
    for number, hidden in enumerate((512, 4096, 20480, 1001)):
        case = Case(source, dtype=(BF16, F16)[number % 2], **QUANTS[quant])
        if takes(case, hidden):
            inputs = row_cases.make_inputs(case, 8, hidden, number, "cuda")
            check_case(case, row_cases.plant(case, inputs))


@pytest.mark.parametrize(("source", "quant"), PAIRS, ids=str)
def test_layouts_of_inputs(source: str, quant: str) -> None:
    """Strided rows, addresses that no vector begins at, leading dimensions, elements apart, one vector."""
    case = Case(source, **QUANTS[quant])
    hidden = 1024
    inputs = row_cases.make_inputs(case, 12, hidden, 7, "cuda")
    width = inputs.x.shape[1]
    places = torch.zeros(5, 12, width + 64, dtype=BF16, device="cuda")
    for number, view in enumerate(
        (
            places[0][:, 8 : width + 8],
            places[1][:, 1 : width + 1],
            places[2].view(24, -1)[::2, :width] if width % 2 == 0 else places[2][:, :width],
            torch.zeros(width, 12, dtype=BF16, device="cuda").T,
        )
    ):
        if view.shape[1] != width:
            continue
        moved = attrs.evolve(inputs, x=view.copy_(inputs.x))
        if inputs.other is not None and number != 1:
            other = torch.zeros(12, hidden + 40, dtype=BF16, device="cuda")[:, :hidden]
            moved = attrs.evolve(moved, other=other.copy_(inputs.other))
        check_case(case, moved)
    shaped = attrs.evolve(
        inputs,
        x=inputs.x.view(4, 3, width).transpose(0, 1),
        other=None if inputs.other is None else inputs.other.view(4, 3, hidden).transpose(0, 1),
    )
    flat = attrs.evolve(
        inputs,
        x=shaped.x.reshape(12, width),
        other=None if shaped.other is None else shaped.other.reshape(12, hidden),
    )
    for one, two in zip(
        attrs.astuple(call(case, shaped), recurse=False),
        attrs.astuple(call(case, flat), recurse=False),
        strict=True,
    ):
        if one is not None and two is not None:
            assert one.shape[:2] == (3, 4)
            assert_same(one.reshape(two.shape), two, "of three dimensions")
    lone = attrs.evolve(inputs, x=inputs.x[5], other=None if inputs.other is None else inputs.other[5])
    got = call(case, lone)
    row = call(case, inputs.row(5))
    for one, two in zip(attrs.astuple(got, recurse=False), attrs.astuple(row, recurse=False), strict=True):
        if one is not None and two is not None:
            assert_same(one, two[0], "a vector")


@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
@pytest.mark.parametrize("quant", [name for name in QUANTS if name != "none"])
def test_every_magnitude(dtype: torch.dtype, quant: str) -> None:
    """Each positive number of the dtype as the largest of its group or row: scales and values bit for bit."""
    case = Case("plain", dtype=dtype, **QUANTS[quant])
    width = case.group or 32
    tops = torch.arange(0x7C00 if dtype == F16 else 0x7F80, dtype=torch.int16, device="cuda").view(dtype)
    generator = torch.Generator("cuda").manual_seed(5)
    x = torch.rand(tops.numel(), width, generator=generator, device="cuda")
    x = x.mul(tops.float().unsqueeze(1)).to(dtype)
    x[:, 7] = tops
    x[:, 9::4] *= -1
    for scale in (0.37, 2.0**-20, 3e4) if case.quant == "static" else (1.0,):
        inputs = Inputs(x, scale=torch.full((1,), scale, device="cuda"))
        row_cases.check(case, inputs, attrs.evolve(call(case, inputs), y=x), fp8())


@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
@pytest.mark.parametrize("source", ACTIVATIONS)
def test_every_number_activated(source: str, dtype: torch.dtype) -> None:
    gates = (
        torch.arange(-0x8000, 0x8000, dtype=torch.int32, device="cuda")
        .to(torch.int16)
        .view(dtype)
        .view(64, 1024)
    )
    case = Case(source, dtype=dtype)
    for factor in (1.0, -3.0):
        inputs = Inputs(torch.cat((gates, torch.full_like(gates, factor)), 1))
        row_cases.check(case, inputs, call(case, inputs), fp8())


def test_many_random_values() -> None:
    """Enough quotients for a wrong rounding that is rare to show."""
    for seed in range(6):
        source = ("add_norm", "norm", "plain")[seed % 3]
        case = Case(source, dtype=(BF16, F16)[seed % 2], **QUANTS[("group32", "token", "static")[seed // 2]])
        check_case(case, row_cases.make_inputs(case, 4096, 4096, seed, "cuda"))


@pytest.mark.parametrize("hidden", [100, 4096, 5000, 20000])
@pytest.mark.parametrize("source", ["norm", "add_norm"])
def test_pads(source: str, hidden: int) -> None:
    for number, multiple in enumerate((1, 256, 192, hidden, 3000)):
        case = with_options(Case(source, dtype=(BF16, F16)[number % 2]), number, hidden)
        inputs = row_cases.make_inputs(case, 65, hidden, number, "cuda")
        options = {"variance_size": case.variance_size, "gemma": case.gemma}
        if source == "norm":
            y, total = op("rms_norm_pad")(inputs.x, inputs.weight, case.epsilon, multiple, **options), None
        else:
            y, total = op("add_rms_norm_pad")(
                inputs.x, inputs.weight, case.epsilon, inputs.other, multiple, **options
            )
        assert y.shape == (65, -(-hidden // multiple) * multiple)
        row_cases.check(case, inputs, Results(y=y, sum=total), fp8())


@pytest.mark.parametrize("hidden", [128, 4096, 7168, 20480])
@pytest.mark.parametrize("source", ["norm", "add_norm"])
def test_two_layouts(source: str, hidden: int) -> None:
    """The scales in both layouts, as the op with one layout gives them."""
    for number, quant in enumerate(("group32", "group128", "group128-ue8m0", "group64-int8")):
        case = with_options(Case(source, dtype=(BF16, F16)[number % 2], **QUANTS[quant]), number, hidden)
        inputs = row_cases.make_inputs(case, 37, hidden, number, "cuda")
        first = (inputs.x, inputs.weight) if source == "norm" else (inputs.x, inputs.other, inputs.weight)
        name = f"{'add_' * (source == 'add_norm')}rms_norm_group_quant_layouts"
        dtype = INT8 if case.int8 else fp8()
        options = (case.ue8m0, True, dtype, case.variance_size, case.gemma)
        q, *sums, scale, scale_t = op(name)(*first, case.epsilon, case.group, *options)
        wanted = call(case, inputs)
        assert_same(q, wanted.q, "q")
        assert_same(scale, wanted.scale, "scale")
        assert_same(scale_t, wanted.scale, "scale_t")
        assert scale_t.stride() == (1, 40)
        assert len(sums) == (source == "add_norm")
        if sums:
            assert_same(sums[0], wanted.sum, "sum")


def test_column_major_scales_of_many_dimensions() -> None:
    """Their rows lie in no even steps."""
    case = Case("norm", **QUANTS["group64"])
    inputs = row_cases.make_inputs(case, 30, 256, 3, "cuda")
    for tma_aligned in (False, True):
        args = (inputs.x.view(2, 3, 5, 256), inputs.weight, case.epsilon, 64, True, False, tma_aligned)
        _, scale = op("rms_norm_group_quant")(*args)
        assert scale.stride()[-2:] == (1, 8 if tma_aligned else 5)
        wanted = call(case, inputs).scale
        assert_same(scale.reshape(30, 4), wanted, "scale")


@pytest.mark.parametrize(
    ("q_size", "kv_size"), [(1536, 512), (512, 1536), (100, 7), (4096, 4096), (20000, 512), (96, 65536)]
)
def test_dual_norm(q_size: int, kv_size: int) -> None:
    """Two slices of one row. The quantised forms add the squares as the plain one does."""
    for number, count in enumerate((1, 37, 300, 0)):
        dtype = (BF16, F16)[number % 2]
        cases = [
            Case("norm", dtype=dtype, weight=kind, epsilon=eps)
            for kind, eps in (("T", 1e-6), (("T", "f32")[number % 2], 1e-3))
        ]
        q, kv = (
            row_cases.make_inputs(case, count, size, number, "cuda")
            for case, size in zip(cases, (q_size, kv_size), strict=True)
        )
        row = torch.cat((q.x, torch.zeros(count, 24, dtype=dtype, device="cuda"), kv.x), 1)
        q_x, kv_x = row[:, :q_size], row[:, q_size + 24 :]
        args = (q_x, q.weight, kv_x, kv.weight, 1e-6, 1e-3)
        q_n, kv_n = op("mla_dual_rms_norm")(*args)
        for case, inputs, y in zip(cases, (q, kv), (q_n, kv_n), strict=True):
            assert y.is_contiguous()
            check_values(case, inputs, y)
        for quant in ("token", "group32", "group128"):
            case = attrs.evolve(cases[0], **QUANTS[quant])
            if takes(case, q_size):
                name = f"mla_dual_rms_norm_{case.quant}_quant"
                q_q, scale, kv_same = op(name)(*args, *([case.group] if case.group else []))
                row_cases.check_quant(case, q_n, None, Results(q=q_q, scale=scale), fp8())
                assert_same(kv_same, kv_n, "kv")


def turned(x: Tensor) -> Tensor:
    return x.T.contiguous().T


@pytest.mark.parametrize("hidden", [8, 100, 4096, 8200, 20000, 65536])
def test_in_place(hidden: int) -> None:
    """As the functional ops, in dense rows, in strided ones, side by side, and where nothing is in even rows."""
    case = Case("add_norm")
    inputs = row_cases.make_inputs(case, 33, hidden, hidden, "cuda")
    assert inputs.other is not None
    wide = torch.zeros(33, 2 * hidden + 32, dtype=BF16, device="cuda")
    for x, residual in (
        (inputs.x.clone(), inputs.other.clone()),
        (wide[:, :hidden], wide[:, hidden + 8 : 2 * hidden + 8]),
        (wide[:, 1 : hidden + 1], turned(inputs.other)),
    ):
        x.copy_(inputs.x)
        residual.copy_(inputs.other)
        op("fused_add_rms_norm_")(x, residual, inputs.weight, case.epsilon)
        row_cases.check(case, inputs, Results(y=x, sum=residual), fp8())


def test_out() -> None:
    x, weight = torch.randn(16, 1024, device="cuda").to(BF16), torch.ones(1024, dtype=BF16, device="cuda")
    for columns in (False, True):
        q, scale = op("rms_norm_group_quant")(x, weight, 1e-6, 64, columns)
        for out_q in (torch.empty_like(q), torch.empty(16, 1100, device="cuda").to(q.dtype)[:, 8:1032]):
            out_scale = torch.empty_like(scale)
            op("rms_norm_group_quant_out")(out_q, x, weight, out_scale, 1e-6, 64, columns)
            assert_same(out_q, q, "q")
            assert_same(out_scale, scale, "scale")
    y = op("silu_and_mul")(x)
    for out in (torch.empty_like(y), torch.empty(16, 600, device="cuda", dtype=BF16)[:, 3:515], turned(y)):
        op("silu_and_mul_out")(out.zero_(), x)
        assert_same(out, y, "out")


@pytest.mark.parametrize("config", [1, 2, 3, 4, -1])
@pytest.mark.parametrize("source", NORMS)
def test_forms(source: str, config: int) -> None:
    """Forms that are asked for, where they take the size; nothing is refused silently."""
    case = Case(source, **QUANTS["group128"])
    hidden = 4096
    inputs = row_cases.make_inputs(case, 300, hidden, config + 5, "cuda")
    y, total = torch.empty(300, hidden, dtype=BF16, device="cuda"), torch.empty_like(inputs.x)
    q, scale = torch.empty_like(y).to(fp8()), torch.empty(300, hidden // 128, device="cuda")
    given = {"x": inputs.x, "other": inputs.other, "weight": inputs.weight, "q": q, "scale": scale, "y": y}
    rows.launch(
        "test",
        source=source,
        quant="group",
        group=128,
        epsilon=case.epsilon,
        sum=total if source == "add_norm" else None,
        config=config,
        **given,
    )
    row_cases.check(case, inputs, Results(y=y, q=q, scale=scale, sum=total), fp8())
