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
    SIZED,
    SIZED_LATE,
    SIZES,
    Field,
    Layout,
    RowCall,
    run,
)
from row_cases import Case, Inputs

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
PAIRS = [(source, quant) for source in row_cases.SOURCES for quant in QUANTS if (source, quant) != ("plain", "none")]

# Whole vectors, as many as each form holds at most; and sizes that no vector divides.
SMALL = (8, 32, 96, 128, 1000, 1536, 2048, 4096, 4104, 7168, 8192)
LARGE = (8200, 16384)
LARGER = (16392, 20000, 65536)
RAGGED = (1, 7, 31, 33, 100, 130, 1001, 4100, 8190, 20001)
#: Of each form: the call's `config`, sizes, and whether something is not aligned.
FORMS: dict[str, tuple[int, tuple[int, ...], bool]] = {
    "chosen": (CHOSEN, SMALL + LARGE + LARGER, False),
    "held2": (HELD2, SMALL, False),
    "held4": (HELD4, SMALL + LARGE, False),
    "looped": (LOOPED, SMALL + LARGE + LARGER, False),
    "unaligned": (CHOSEN, SMALL + LARGE + LARGER[:2] + RAGGED + RAGGED, True),
}


def draw(choose: random.Random, source: str, quant: str, dtype: torch.dtype, form: str) -> tuple[Case, Layout, int, int]:
    """A case and layout of this kernel; rows and hidden. What is left open is drawn."""
    config, sizes, unaligned = FORMS[form]
    hidden = choose.choice(sizes)
    case = Case(source, dtype=dtype, **QUANTS[quant])  # type: ignore[arg-type]
    if source in row_cases.NORMS:
        case = attrs.evolve(
            case,
            weight=choose.choice(["T", "T", "f32", "none"]),
            gemma=choose.random() < 0.25,
            variance_size=choose.choice([None, None, choose.randint(1, hidden)]),
        )
        case = attrs.evolve(case, gemma=case.gemma and case.weight != "none")
    layout = Layout(
        config,
        keep=True,
        gap=choose.choice([0, 0, 8]),
        scales=choose.choice(["row", "column", "padded"]),
        second=choose.random() < 0.5,
        in_place=source != "plain" and source not in row_cases.ACTIVATIONS and choose.random() < 0.25,
        pad=0,
    )
    if not layout.in_place:
        layout = attrs.evolve(layout, pad=choose.choice([0, 8, 64, 200]))
    if unaligned and hidden % 8 == 0:
        # Of the tensors that the call has.
        places = ["x", *(["other"] if source in ("add_norm", "gated_norm") else []), *(["sum"] if source == "add_norm" else [])]
        places += [] if quant == "none" else ["q"]
        places += ["y", "gap"] + (["weight"] if source in row_cases.NORMS and case.weight == "T" else [])
        place = choose.choice(places)
        if layout.in_place and place in ("y", "sum"):
            place = "x"
        layout = attrs.evolve(layout, misaligned=place) if place != "gap" else attrs.evolve(layout, gap=3)
    elif unaligned:
        layout = attrs.evolve(layout, gap=choose.choice([0, 1, 5]), pad=0 if layout.in_place else choose.choice([0, 3]))
    return case, layout, choose.choice([1] if hidden > 10000 else [1, 2, 3]), hidden


def check_call(emulator: Emulator, mode: Mode, case: Case, inputs: Inputs, layout: Layout) -> None:
    """The results are right; the quantised ones are the same where the values are not kept beside them."""
    got = run(emulator, mode, case, inputs, layout)
    row_cases.check(case, inputs, got, mode.fp8)
    if case.quant != "none":
        alone = run(emulator, mode, case, inputs, attrs.evolve(layout, keep=False))
        row_cases.assert_equal(alone, attrs.evolve(got, y=None))


@pytest.mark.parametrize(("source", "quant"), PAIRS, ids=lambda name: name)
def test_every_form(emulator: Emulator, mode: Mode, source: str, quant: str) -> None:
    choose = random.Random(f"{source} {quant} {mode.name}")  # noqa: S311
    for form in FORMS:
        for dtype in DTYPES:
            case, layout, rows, hidden = draw(choose, source, quant, dtype, form)
            inputs = row_cases.make_inputs(case, rows, hidden, seed=choose.randrange(2**31))
            try:
                check_call(emulator, mode, case, inputs, layout)
            except AssertionError as error:
                raise AssertionError(f"{form}: {rows} x {hidden}, {case}, {layout}: {error}") from error
