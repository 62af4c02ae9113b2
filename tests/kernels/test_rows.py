"""The row kernels under the emulator: every source with every quantisation in every form, any size and layout."""

from __future__ import annotations

import random

import attrs
import pytest
import row_cases
import torch
from kernel_emulator import Buffer, Emulator, Mode
from row_calls import (
    CHOSEN,
    HELD2,
    HELD4,
    LOOPED,
    PACKED,
    POINTERS,
    SIZED,
    SIZED_LATE,
    SIZES,
    TILED,
    Layout,
    RowCall,
    run,
)
from row_cases import NORMS, SOURCES, Case, Inputs, Results

pytestmark = pytest.mark.slow

BF16, F16 = torch.bfloat16, torch.float16
DTYPES = (BF16, F16)

QUANTS: dict[str, dict[str, object]] = {
    "none": {"quant": "none"},
    "static": {"quant": "static"},
    "static-int8": {"quant": "static", "int8": True},
    "token": {"quant": "token"},
    "token-int8": {"quant": "token", "int8": True},
    "group32": {"quant": "group", "group": 32},
    "group64": {"quant": "group", "group": 64},
    "group128": {"quant": "group", "group": 128},
    "group32-ue8m0": {"quant": "group", "group": 32, "ue8m0": True},
    "group128-ue8m0": {"quant": "group", "group": 128, "ue8m0": True},
    "group64-int8": {"quant": "group", "group": 64, "int8": True},
    "group128-int8": {"quant": "group", "group": 128, "int8": True},
    "mx": {"quant": "mx", "group": 32},
}
PAIRS = [(source, quant) for source in SOURCES for quant in QUANTS if (source, quant) != ("plain", "none")]

# Whole vectors, as many as each form holds at most; and sizes that no vector divides.
SHORT = (8, 32, 96, 128)
SMALL = (136, 1000, 1536, 2048, 4096, 4104, 7168, 8192)
LARGE = (8200, 16384)
LARGER = (16392, 20000)
LARGEST = 65536
RAGGED = (1, 7, 31, 33, 100, 130, 1001, 4100, 8190)
#: Of each form: the call's `config`, sizes, and whether something is not aligned.
FORMS: dict[str, tuple[int, tuple[int, ...], bool]] = {
    "chosen": (CHOSEN, SHORT + SMALL + LARGE + LARGER, False),
    "packed": (PACKED, SHORT, False),
    "held2": (HELD2, SHORT + SMALL, False),
    "held4": (HELD4, SHORT + SMALL + LARGE, False),
    "looped": (LOOPED, SHORT + SMALL + LARGER, False),
    "unaligned": (CHOSEN, SHORT + SMALL + LARGER + RAGGED + RAGGED, True),
}


PLAIN = Layout()


def draw(
    choose: random.Random, source: str, quant: str, dtype: torch.dtype, form: str
) -> tuple[Case, Layout, int, int]:
    """A case and layout for this kernel, rows and hidden; what is left open is drawn."""
    config, sizes, unaligned = FORMS[form]
    if form == "held4" and source not in NORMS and not quant.startswith("token") and choose.random() < 0.5:
        config = TILED  # nothing is asked of the whole row: blocks may share it
    hidden = choose.choice(sizes)
    case = Case(source, dtype=dtype, **QUANTS[quant])  # type: ignore[arg-type]
    if source in NORMS:
        weight = choose.choice(["T", "T", "f32", "none"])
        gemma = weight != "none" and choose.random() < 0.25
        measured = choose.choice([None, None, choose.randint(1, hidden)])
        case = attrs.evolve(case, weight=weight, gemma=gemma, variance_size=measured)
    layout = Layout(
        config,
        gap=choose.choice([0, 0, 8]),
        scales=choose.choice(["row", "column", "padded"]),
        second=choose.random() < 0.5,
    )
    if source in NORMS and choose.random() < 0.25:
        layout = attrs.evolve(layout, in_place=True)
    elif form != "packed":
        layout = attrs.evolve(layout, pad=choose.choice([0, 8, 200]))
    if unaligned:
        layout = spoil(choose, case, layout)
    rows = choose.choice((1, 3, 8, 11) if hidden <= 128 else (1, 2, 3) if hidden <= 4104 else (1,))
    return case, layout, rows, hidden


def spoil(choose: random.Random, case: Case, layout: Layout) -> Layout:
    """The layout with something that no vector can be read from or written to."""
    tensors = ["x", "gap"]
    tensors += ["y"] if not layout.in_place else []
    tensors += ["q"] if case.quant != "none" else []
    tensors += ["other"] if case.source in ("add_norm", "gated_norm") else []
    tensors += ["sum"] if case.source == "add_norm" and not layout.in_place else []
    tensors += ["weight"] if case.source in NORMS and case.weight == "T" else []
    chosen = choose.choice(tensors)
    return attrs.evolve(layout, gap=3) if chosen == "gap" else attrs.evolve(layout, misaligned=chosen)


def check_call(emulator: Emulator, mode: Mode, case: Case, inputs: Inputs, layout: Layout = PLAIN) -> Results:
    """The results are right."""
    got = run(emulator, mode, case, inputs, layout)
    try:
        row_cases.check(case, inputs, got, mode.fp8)
    except AssertionError as error:
        raise AssertionError(f"{list(inputs.x.shape)}, {case}, {layout}: {error}") from error
    return got


@pytest.mark.parametrize(("source", "quant"), PAIRS)
def test_every_form(emulator: Emulator, mode: Mode, source: str, quant: str) -> None:
    """Each kernel, with drawn options, sizes and layouts; it gives the same where values are not kept beside q."""
    choose = random.Random(f"{source} {quant} {mode.name}")  # noqa: S311
    for form in FORMS:
        for dtype in DTYPES:
            case, layout, rows, hidden = draw(choose, source, quant, dtype, form)
            inputs = row_cases.make_inputs(case, rows, hidden, seed=choose.randrange(2**31))
            got = check_call(emulator, mode, case, inputs, layout)
            if quant != "none" and dtype == choose.choice(DTYPES):
                alone = run(emulator, mode, case, inputs, attrs.evolve(layout, keep=False))
                row_cases.assert_equal(alone, attrs.evolve(got, y=None))


@pytest.mark.parametrize("hidden", SIZES)
@pytest.mark.parametrize(
    ("source", "quant"),
    [
        *((source, quant) for source in NORMS for quant in ("none", "static", "token", "group128", "mx")),
        *((source, "token") for source in ("silu_mul", "gelu_mul")),
    ],
)
def test_sized_forms(emulator: Emulator, mode: Mode, source: str, quant: str, hidden: int) -> None:
    """The kernels for one size are right, and add the squares as the form does that knows it only when it runs."""
    for dtype in DTYPES:
        case = Case(source, dtype=dtype, **QUANTS[quant])  # type: ignore[arg-type]
        inputs = row_cases.make_inputs(case, 2, hidden, seed=hidden)
        got = check_call(emulator, mode, case, inputs, Layout(SIZED, gap=8, second=True))
        for form in (CHOSEN, SIZED_LATE, HELD2):  # the late one is another only where registers are scarce
            row_cases.assert_equal(run(emulator, mode, case, inputs, Layout(form, second=True)), got)


@pytest.mark.parametrize("quant", ["none", "token", "group128"])
@pytest.mark.parametrize("source", ["norm", "gelu_mul"])
def test_longest_rows(emulator: Emulator, mode: Mode, source: str, quant: str) -> None:
    case = Case(source, **QUANTS[quant])  # type: ignore[arg-type]
    check_call(emulator, mode, case, row_cases.make_inputs(case, 1, LARGEST, seed=6))


@pytest.mark.parametrize("hidden", [96, 1000, 4096, 8200, 16392, 1001])
@pytest.mark.parametrize("source", SOURCES)
def test_a_row_does_not_depend_on_others(emulator: Emulator, mode: Mode, source: str, hidden: int) -> None:
    """The same bits alone and among many, of every result."""
    for quant in ("token", "group128"):
        case = Case(source, dtype=F16, **QUANTS[quant])  # type: ignore[arg-type]
        inputs = row_cases.make_inputs(case, 11 if hidden == 96 else 4, hidden, seed=hidden)
        among = run(emulator, mode, case, inputs)
        for row in range(0, inputs.x.shape[0], 3):
            row_cases.assert_equal(run(emulator, mode, case, inputs.row(row)), among.row(row))


@pytest.mark.parametrize(("source", "quant"), PAIRS)
def test_special_values(emulator: Emulator, mode: Mode, source: str, quant: str) -> None:
    """NaN, infinities, the largest and the least numbers come out as the ops apart have them."""
    for dtype, hidden in ((BF16, 128), (F16, 128), (BF16, 512), (F16, 512), (BF16, 515)):
        case = Case(source, dtype=dtype, **QUANTS[quant])  # type: ignore[arg-type]
        inputs = row_cases.plant(case, row_cases.make_inputs(case, 6, hidden, seed=hidden))
        got = check_call(emulator, mode, case, inputs)
        assert got.y is not None
        assert got.y.isnan().any()


@pytest.mark.parametrize("dtype", DTYPES, ids=["bf16", "f16"])
@pytest.mark.parametrize("quant", [name for name in QUANTS if name not in ("none", "static", "static-int8")])
def test_every_magnitude(emulator: Emulator, mode: Mode, quant: str, dtype: torch.dtype) -> None:
    """Groups, or rows, whose largest value goes through all powers of two of the dtype: every scale is exact."""
    case = Case("plain", dtype=dtype, **QUANTS[quant])  # type: ignore[arg-type]
    length = case.group or 32
    count = 1000 if quant.startswith("token") else 32768 // length
    tops = torch.linspace(0, 0x7BFF if dtype == F16 else 0x7F7F, count).to(torch.int16).view(dtype)
    generator = torch.Generator().manual_seed(5)
    values = torch.rand(count, length, generator=generator).mul(tops.float().unsqueeze(1)).to(dtype)
    values[:, 7] = tops
    values[:, 9::4] *= -1
    check_call(emulator, mode, case, Inputs(values if quant.startswith("token") else values.reshape(1, -1)))


def test_no_rows(emulator: Emulator, mode: Mode) -> None:
    """Nothing is read or written: every pointer may be null."""
    for source, quant in PAIRS:
        case = Case(source, **QUANTS[quant])  # type: ignore[arg-type]
        call = RowCall(mode, case, row_cases.make_inputs(case, 1, 128, seed=0), Layout(), [])
        call.fields |= {"rows": (False, 0)} | dict.fromkeys(POINTERS, (True, -1))
        assert emulator.call("rows", [], list(call.fields.values())) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", -1),
        ("rows", 2**31),
        ("hidden", 0),
        ("hidden", 65537),
        ("y_width", 127),
        ("y_width", 129),
        ("variance_size", 0),
        ("variance_size", 129),
        ("source", -1),
        ("source", 6),
        ("quant", -1),
        ("quant", 5),
        ("group", 16),
        ("group", 0),
        ("dtype", 2),
        ("config", 7),
        ("config", -2),
        ("config", SIZED),
        ("x", -1),
        ("other", -1),
        ("sum", -1),
        ("q", -1),
        ("scale", -1),
    ],
)
def test_bad_arguments(emulator: Emulator, mode: Mode, name: str, value: int) -> None:
    """What no kernel takes: -1, and nothing is written."""
    case = Case("add_norm", "group", BF16, 128)
    buffers: list[Buffer] = []
    call = RowCall(mode, case, row_cases.make_inputs(case, 2, 128, seed=0), Layout(), buffers)
    before = [buffer.content for buffer in buffers]
    assert emulator.call("rows", buffers, list(call.fields.values())) == 0
    assert [buffer.content for buffer in buffers] != before
    for buffer, content in zip(buffers, before, strict=True):
        buffer.content = content
    call.fields[name] = (name in POINTERS, value)
    assert emulator.call("rows", buffers, list(call.fields.values())) == -1
    assert [buffer.content for buffer in buffers] == before


@pytest.mark.parametrize(
    "case",
    [
        Case("plain"),
        Case("norm", "mx", group=64),
        Case("norm", "mx", group=32, int8=True),
        Case("silu_mul", variance_size=64),
    ],
    ids=lambda case: case.name,
)
def test_bad_combinations(emulator: Emulator, mode: Mode, case: Case) -> None:
    buffers: list[Buffer] = []
    call = RowCall(mode, case, row_cases.make_inputs(case, 2, 128, seed=0), Layout(), buffers)
    assert emulator.call("rows", buffers, list(call.fields.values())) == -1


@pytest.mark.parametrize(
    ("hidden", "layout"),
    [
        (136, Layout(PACKED)),
        (128, Layout(PACKED, gap=3)),
        (8200, Layout(HELD2)),
        (1000, Layout(HELD2, misaligned="q")),
        (16392, Layout(HELD4)),
        (1001, Layout(HELD4)),
    ],
)
def test_a_form_that_does_not_hold_the_row(
    emulator: Emulator, mode: Mode, hidden: int, layout: Layout
) -> None:
    """Where a form is asked for that cannot run."""
    case = Case("silu_mul", "token")
    buffers: list[Buffer] = []
    call = RowCall(mode, case, row_cases.make_inputs(case, 1, hidden, seed=0), layout, buffers)
    assert emulator.call("rows", buffers, list(call.fields.values())) == -1
