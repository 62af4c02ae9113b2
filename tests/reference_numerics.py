"""What the tests of the reference ops share: inputs, exact values in float64, and tolerances.

Every tolerance is that of the roundings which an op's docstring lists: half a unit in the last place for each rounding
to the input's dtype, half a step for a quantised value, and a few fp32 units for the arithmetic between.
"""

from __future__ import annotations

import torch

DTYPES = [torch.bfloat16, torch.float16, torch.float32]
SHAPES = [(1, 64), (7, 320), (3, 5, 192), (2, 1, 3, 64), (128,), (0, 64), (4, 0, 64)]
F32 = 2.0**-24
TARGETS = ["cpu", "gfx942"]


def rand(*shape, dtype=torch.bfloat16, spread=2.0):
    """Values over several orders of magnitude, as activations have."""
    return (torch.randn(shape) * torch.exp2(torch.randn(shape) * spread)).clamp(-6e4, 6e4).to(dtype)


def bits(x):
    return x.contiguous().view({1: torch.uint8, 2: torch.int16, 4: torch.int32}[x.element_size()])


def assert_same(found, expected):
    found = found if isinstance(found, tuple) else (found,)
    expected = expected if isinstance(expected, tuple) else (expected,)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert one.stride() == other.stride()
        assert torch.equal(bits(one), bits(other))


def assert_within(found, exact, bound):
    error = (found.double() - exact).abs()
    assert (error <= bound).all(), f"worst {(error - bound).max()} over the bound"


def rounding(dtype, times, exact):
    """`times` roundings to dtype, plus 40 fp32 units; below the normal range a rounding is half of the least value."""
    info = torch.finfo(dtype)
    relative = (1 + info.eps / 2) ** times * (1 + 40 * F32) - 1
    return exact.abs() * relative + times * info.smallest_normal * info.eps


def half_step(values, dtype):
    """Half the distance between neighbours at `values`, for an 8-bit dtype."""
    if dtype == torch.int8:
        return torch.full_like(values, 0.5)
    least = {torch.float8_e4m3fn: 2.0**-6, torch.float8_e4m3fnuz: 2.0**-7}[dtype]
    return torch.exp2(torch.floor(torch.log2(values.abs().clamp(min=least)))) * 2.0**-4


def norm64(x, weight, epsilon, variance_size=None):
    wide = x.double()
    measured = wide if variance_size is None else wide[..., :variance_size]
    scaled = wide / (measured.pow(2).mean(-1, keepdim=True) + epsilon).sqrt()
    return scaled if weight is None else scaled * weight.double()
