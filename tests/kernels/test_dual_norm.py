"""Two norms in one launch under the emulator: each half is what a call of its own gives."""

from __future__ import annotations

import random

import attrs
import pytest
import row_cases
import torch
from kernel_emulator import Buffer, Emulator, Mode
from row_calls import CHOSEN, LOOPED, Layout, RowCall, run_dual
from row_cases import Case

pytestmark = pytest.mark.slow

BF16, F16 = torch.bfloat16, torch.float16
FIRST = {
    "none": Case("norm"),
    "token": Case("norm", "token"),
    "group32": Case("norm", "group", group=32),
    "group128": Case("norm", "group", group=128),
    "group64-ue8m0-int8": Case("norm", "group", group=64, ue8m0=True, int8=True),
}
SIZES = ((1536, 512), (8, 8192), (512, 1536), (8192, 8), (8200, 512), (7, 33), (64, 20000), (100, 4096))
LAYOUTS = (
    Layout(CHOSEN, gap=8, second=True),
    Layout(CHOSEN, gap=0, in_place=True, scales="column"),
    Layout(LOOPED, gap=3, scales="padded"),
    Layout(CHOSEN, misaligned="x", second=True),
)


@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
@pytest.mark.parametrize("name", FIRST)
def test_both_halves(emulator: Emulator, mode: Mode, name: str, dtype: torch.dtype) -> None:
    choose = random.Random(f"{name} {dtype} {mode.name}")  # noqa: S311
    for number, sizes in enumerate(SIZES):
        layout = LAYOUTS[number % len(LAYOUTS)]
        weights = choose.choice([("T", "T"), ("T", "T"), ("f32", "T"), ("T", "none"), ("none", "f32")])
        cases = (
            attrs.evolve(FIRST[name], dtype=dtype, weight=weights[0], epsilon=1e-5),
            Case("norm", dtype=dtype, weight=weights[1], gemma=weights[1] == "f32"),
        )
        rows = choose.choice((1, 3))
        inputs = tuple(
            row_cases.make_inputs(case, rows, hidden, seed=hidden + number)
            for case, hidden in zip(cases, sizes, strict=True)
        )
        first, second = run_dual(emulator, mode, cases, (inputs[0], inputs[1]), layout)
        try:
            row_cases.check(cases[0], inputs[0], first, mode.fp8)
            row_cases.check(cases[1], inputs[1], second, mode.fp8)
        except AssertionError as error:
            raise AssertionError(f"{sizes}, {cases}, {layout}: {error}") from error


def test_a_row_does_not_depend_on_others(emulator: Emulator, mode: Mode) -> None:
    cases = (Case("norm", "group", group=128), Case("norm"))
    inputs = [
        row_cases.make_inputs(case, 4, hidden, seed=3)
        for case, hidden in zip(cases, (1536, 512), strict=True)
    ]
    among = run_dual(emulator, mode, cases, (inputs[0], inputs[1]))
    for row in range(4):
        alone = run_dual(emulator, mode, cases, (inputs[0].row(row), inputs[1].row(row)))
        for got, wanted in zip(alone, among, strict=True):
            row_cases.assert_equal(got, wanted.row(row))


def test_what_is_not_kept(emulator: Emulator, mode: Mode) -> None:
    """The quantised half is the same without its values."""
    cases = (Case("norm", "token"), Case("norm"))
    inputs = [
        row_cases.make_inputs(case, 2, hidden, seed=4)
        for case, hidden in zip(cases, (1536, 512), strict=True)
    ]
    kept = run_dual(emulator, mode, cases, (inputs[0], inputs[1]))
    alone = run_dual(emulator, mode, cases, (inputs[0], inputs[1]), Layout(keep=False))
    row_cases.assert_equal(alone[0], attrs.evolve(kept[0], y=None))
    row_cases.assert_equal(alone[1], kept[1])


@pytest.mark.parametrize(
    ("half", "name", "value"),
    [
        (0, "rows", 3),
        (1, "dtype", 1),
        (1, "quant", 2),
        (0, "source", 2),
        (1, "source", 4),
        (0, "quant", 4),
        (0, "hidden", 0),
        (1, "hidden", 65537),
        (0, "x", -1),
        (1, "y", -1),
        (0, "scale", -1),
    ],
)
def test_bad_arguments(emulator: Emulator, mode: Mode, half: int, name: str, value: int) -> None:
    """What no kernel takes: -1, and nothing is written."""
    cases = (Case("norm", "token"), Case("norm"))
    buffers: list[Buffer] = []
    calls = [
        RowCall(mode, case, row_cases.make_inputs(case, 2, 128, seed=0), Layout(), buffers) for case in cases
    ]
    before = [buffer.content for buffer in buffers]
    calls[half].fields[name] = (name in ("x", "y", "scale"), value)
    fields = [field for call in calls for field in call.fields.values()]
    assert emulator.call("dual_norm", buffers, fields) == -1
    assert [buffer.content for buffer in buffers] == before


def test_no_rows(emulator: Emulator, mode: Mode) -> None:
    cases = (Case("norm", "token"), Case("norm"))
    buffers: list[Buffer] = []
    calls = [
        RowCall(mode, case, row_cases.make_inputs(case, 0, 128, seed=0), Layout(), buffers) for case in cases
    ]
    assert (
        emulator.call("dual_norm", buffers, [field for call in calls for field in call.fields.values()]) == 0
    )
