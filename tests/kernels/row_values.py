"""How far the values of a row, before they are quantised, may be from the exact ones.

In: a case of `row_cases.py`, its inputs, the values that a kernel gave. Out: AssertionError where a value is not a
rounding of something within the error that fp32 may make, derived below, of the value in float64. The sign of every
value is exact, that of zeros too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from row_cases import Case, Inputs

UNIT = 2.0**-24  # half a unit in the last place of 1 in fp32: what one rounding may do, relatively

# Relative to the norm. A square goes through 8 additions in its vector and at most 24 above it (8 in a thread, 6 in its
# wave, 10 in the block), all terms of one sign. The root halves that error, and those of the mean (2) and of the sum
# with epsilon; then come the root (2 units in the last place, 4 roundings) and the product with it.
NORM_ERROR = ((8 + 24 + 3) / 2 + 4 + 1) * UNIT

# exp(-|a|) is 2 to the power of a rounded product with a rounded constant: |a| roundings each; the power itself has 4.
# Then the sum, the quotient (from a reciprocal within a unit in the last place: 3) and two products.
SILU_ERROR, SILU_ERROR_OF_A = 12 * UNIT, 2 * UNIT
# Below this e^a is subnormal, and a machine may take it for 0.
SILU_FLUSHED = -87.0

# 1 + erf(a / sqrt 2): the function has an error of 4, its argument and the sum one each, and all of that in half of a.
GELU_ERROR, GELU_ERROR_OF_A = 4 * UNIT, 4 * UNIT


def check_values(case: Case, inputs: Inputs, y: Tensor) -> None:
    if case.source == "plain":
        assert_same(y, inputs.x, "y")
    elif case.source in ("silu_mul", "gelu_mul"):
        _check_activation(case, inputs.x, y)
    else:
        _check_norm(case, inputs, y)


def _check_norm(case: Case, inputs: Inputs, y: Tensor) -> None:
    """`y` must be what one of the bounds rounds to: they are closer together than two numbers of T."""
    total = inputs.x.float()
    if case.source == "add_norm":
        assert inputs.other is not None
        total = total + inputs.other.float()
    # Squares and their sum overflow in fp32, as they do in the ops apart.
    squares = total[:, : case.variance_size].square().double()
    mean = squares.mean(-1, keepdim=True)
    mean[squares.sum(-1, keepdim=True) > torch.finfo(torch.float32).max] = torch.inf
    exact = total.double() * (mean + case.epsilon).rsqrt()
    sign = total.signbit()
    error = torch.full_like(exact, NORM_ERROR)
    rounded = torch.ones(
        (), dtype=torch.float32, device=y.device
    )  # what is multiplied by after rounding to T
    flushed = torch.zeros_like(sign)
    subnormal = torch.zeros_like(exact)
    if inputs.weight is not None:
        weight = inputs.weight.float() + (1.0 if case.gemma else 0.0)
        sign = sign ^ weight.signbit()
        if case.weight == "T" and not case.gemma and case.source != "gated_norm":
            rounded = weight
        else:
            exact, error = exact * weight.double(), error + UNIT
    if case.source == "gated_norm":
        assert inputs.other is not None
        gate = inputs.other.double()
        flushed = (gate < SILU_FLUSHED) & gate.isfinite()
        # A subnormal power has a step of 2^-149, and so few digits that its error is one of that step.
        subnormal = (exact.abs() * gate.abs() * 2.0**-148).where(flushed, 0.0)
        exact = exact * functional.silu(gate)
        error = error + SILU_ERROR + SILU_ERROR_OF_A * gate.abs() + UNIT
        sign = sign ^ gate.signbit()
    slack = exact.abs() * error + subnormal + 2.0**-148
    slack = slack.where(slack.isfinite(), 0.0)
    right = flushed & (y == 0)
    for bound in (exact - slack, exact + slack):
        right |= _equal(y, (bound.to(y.dtype).float() * rounded).to(y.dtype))
    _report(y, right, sign)


def _check_activation(case: Case, x: Tensor, y: Tensor) -> None:
    """`y` must be the product, rounded to T, of the second half and a number of T between the activation's bounds."""
    first, second = x.chunk(2, -1)
    a = first.double()
    if case.source == "silu_mul":
        exact = functional.silu(a)
        slack = exact.abs() * (SILU_ERROR + SILU_ERROR_OF_A * a.abs())
    else:
        exact = functional.gelu(a)
        slack = exact.abs() * GELU_ERROR + a.abs() * GELU_ERROR_OF_A
    slack = slack.where(slack.isfinite(), 0.0)
    low, high = (exact - slack).to(y.dtype), (exact + slack).to(y.dtype)
    if case.source == "silu_mul":
        high = high.where(a >= SILU_FLUSHED, -0.0).where(~a.isnan() & (a > -torch.inf), high)

    def product(activated: Tensor) -> Tensor:
        return (activated.float() * second.float()).to(y.dtype)

    right = _equal(y, product(low)) | _equal(y, product(high))
    # Where gelu's terms cancel, the bounds may have numbers between them: the next two one by one, and more as a range.
    least, most = _place(low), _place(high)
    for step in (1, 2):
        between = least + step < most
        right |= between & _equal(y, product(_at(torch.where(between, least + step, least), y.dtype)))
    right |= (
        (low <= 0) & (high >= 0) & second.isinf() & y.isnan()
    )  # 0 lies between them, and times Inf is NaN
    ends = torch.stack((product(low), product(high)))
    right |= (most - least > 3) & (y >= ends.amin(0)) & (y <= ends.amax(0))
    _report(y, right, first.signbit() ^ second.signbit())


def _place(numbers: Tensor) -> Tensor:
    """Neighbouring numbers of a 16-bit float as neighbouring integers; both zeros are 0."""
    bits = numbers.view(torch.int16).int()
    return torch.where(bits >= 0, bits, -(bits & 0x7FFF))


def _at(places: Tensor, dtype: torch.dtype) -> Tensor:
    bits = torch.where(places >= 0, places, 0x8000 - places)
    return torch.where(bits >= 0x8000, bits - 0x10000, bits).to(torch.int16).view(dtype)


def _equal(got: Tensor, wanted: Tensor) -> Tensor:
    return (got == wanted) | (got.isnan() & wanted.isnan())


def _report(y: Tensor, right: Tensor, sign: Tensor) -> None:
    right = right & ((y.signbit() == sign) | y.isnan())
    if not right.all():
        place = tuple((~right).nonzero()[0].tolist())
        count = int((~right).sum())
        raise AssertionError(f"{count} of {y.numel()} values, first at {list(place)}: {y[place].item()!r}")


def assert_same(got: Tensor, wanted: Tensor, name: str) -> None:
    """Equal bit for bit; any NaN equals any other."""
    assert got.shape == wanted.shape, f"{name}: {tuple(got.shape)}, not {tuple(wanted.shape)}"
    assert got.dtype == wanted.dtype, f"{name}: {got.dtype}, not {wanted.dtype}"
    if got.dtype in (torch.int8, torch.uint8):
        wrong = got != wanted
    else:
        got, wanted = got.float(), wanted.float()
        wrong = ((got != wanted) | (got.signbit() != wanted.signbit())) & ~(got.isnan() & wanted.isnan())
    if wrong.any():
        place = tuple(wrong.nonzero()[0].tolist())
        raise AssertionError(
            f"{name}: {int(wrong.sum())} of {got.numel()} differ, first at {list(place)}: "
            f"{got[place].item()!r}, not {wanted[place].item()!r}"
        )
