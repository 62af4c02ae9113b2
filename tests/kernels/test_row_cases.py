"""The checks of `row_cases.py`: the reference passes them, and what is wrong by one step does not."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
import row_cases
import torch
from row_cases import Case, Inputs, Results
from row_values import UNIT, _at, _place, check_values
from torch import Tensor

from patdsl.reference import unfused

BF16, F16 = torch.bfloat16, torch.float16
FP8 = torch.float8_e4m3fn


def reference(case: Case, inputs: Inputs) -> Results:
    """The values and the sum, as the ops apart make them."""
    x, weight = inputs.x, inputs.weight
    options = (weight, case.epsilon, case.variance_size, case.gemma)
    if case.source == "norm":
        return Results(unfused.rms_norm(x, *options))
    if case.source == "add_norm":
        assert inputs.other is not None
        y, total = unfused.fused_add_rms_norm(x, inputs.other, *options)
        return Results(y, sum=total)
    if case.source == "gated_norm":
        assert inputs.other is not None
        assert weight is not None
        return Results(unfused.rms_norm_gated(x, inputs.other, weight, case.epsilon))
    return Results((unfused.silu_and_mul if case.source == "silu_mul" else unfused.gelu_and_mul)(x))


CASES = [
    *(Case("norm", dtype=dtype, weight=weight) for dtype in (BF16, F16) for weight in ("T", "f32", "none")),
    *(Case("add_norm", dtype=dtype, gemma=gemma) for dtype in (BF16, F16) for gemma in (False, True)),
    *(Case("gated_norm", dtype=dtype, weight=weight) for dtype in (BF16, F16) for weight in ("T", "f32")),
    *(Case(source, dtype=dtype) for source in ("silu_mul", "gelu_mul") for dtype in (BF16, F16)),
    Case("norm", variance_size=100),
]


@pytest.mark.filterwarnings("ignore:TF32")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_reference_is_right(case: Case) -> None:
    inputs = row_cases.make_inputs(case, 7, 520, seed=1)
    row_cases.check(case, inputs, reference(case, inputs), FP8)
    planted = row_cases.plant(case, inputs)
    with torch.backends.mkldnn.flags(enabled=False):  # whose gelu has NaN for an infinity, unlike torch's own
        row_cases.check(case, planted, reference(case, planted), FP8)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_step_is_wrong(case: Case) -> None:
    """Two steps of T off at one place, NaN for a number and a number for NaN, a zero's sign: none passes."""
    inputs = row_cases.make_inputs(case, 4, 520, seed=2)
    right = reference(case, inputs).y
    assert right is not None
    check_values(case, inputs, right)
    # A large positive value: where terms cancel, more than one step is right.
    place = right.float().argmax()
    changes: list[Callable[[Tensor], Tensor]] = [
        lambda value: _at(_place(value) + 2, value.dtype),
        lambda value: _at(_place(value) - 2, value.dtype),
        lambda value: value * torch.nan,
        lambda value: -value,
    ]
    for change in changes:
        wrong = right.clone()
        wrong.view(-1)[place] = change(right.view(-1)[place])
        with pytest.raises(AssertionError, match="1 of 2080 values"):
            check_values(case, inputs, wrong)
    assert not right[3].any()  # a row of zeros
    wrong = right.clone()
    wrong[3, 5] = -wrong[3, 5]
    with pytest.raises(AssertionError, match=r"first at \[3, 5\]"):
        check_values(case, inputs, wrong)


def test_an_error_of_fp32_is_right_and_more_is_wrong() -> None:
    """Of a norm without a weight: 16 roundings pass, and 2^12 of them do not."""
    case = Case("norm", dtype=F16, weight="none")
    inputs = row_cases.make_inputs(case, 2, 4096, seed=3)
    wide = inputs.x.double()
    exact = wide * (wide.square().mean(-1, keepdim=True) + case.epsilon).rsqrt()
    for roundings in (-16, 16):
        check_values(case, inputs, (exact * (1 + roundings * UNIT)).to(F16))
    for roundings in (-4096, 4096):
        with pytest.raises(AssertionError):
            check_values(case, inputs, (exact * (1 + roundings * UNIT)).to(F16))


@pytest.mark.parametrize("quant", ["static", "token", "group", "mx"])
def test_quantised_values_are_exact(quant: str) -> None:
    """A byte, a scale and a copy of the scales that are off by one."""
    case = Case("plain", quant, group=32 if quant in ("group", "mx") else 0)
    inputs = row_cases.make_inputs(case, 4, 96, seed=4)
    q, scale = torch.zeros(4, 96).to(FP8), torch.zeros(4, case.scale_width(96), dtype=case.scale_dtype)
    found: dict[str, Tensor] = {}

    def see(got: Tensor, wanted: Tensor, name: str) -> None:
        found[name] = wanted.clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_cases, "assert_same", see)
        row_cases.check_quant(case, inputs.x, inputs.scale, Results(inputs.x, q, scale, scale), FP8)
    scales = {name: found[name] for name in ("scale", "scale2") if name in found}
    right = Results(inputs.x, found["q"], **scales)
    row_cases.check(case, inputs, right, FP8)
    for name, tensor in {"q": found["q"], **scales}.items():
        wrong = tensor.clone()
        bits = wrong.view(torch.uint8 if wrong.element_size() == 1 else torch.int32)
        bits[2, 1 % bits.shape[1]] += 1
        with pytest.raises(AssertionError, match=f"{name}: 1 of"):
            row_cases.check(case, inputs, attrs.evolve(right, **{name: wrong}), FP8)


def test_padding_and_sum() -> None:
    case = Case("add_norm")
    inputs = row_cases.make_inputs(case, 2, 64, seed=5)
    right = reference(case, inputs)
    assert right.y is not None
    assert right.sum is not None
    padded = torch.nn.functional.pad(right.y, (0, 8))
    row_cases.check(case, inputs, attrs.evolve(right, y=padded), FP8)
    padded[1, 70] = 1
    with pytest.raises(AssertionError, match="padding: 1 of 16"):
        row_cases.check(case, inputs, attrs.evolve(right, y=padded), FP8)
    with pytest.raises(AssertionError, match="sum: "):
        row_cases.check(case, inputs, attrs.evolve(right, sum=right.sum + 1), FP8)
