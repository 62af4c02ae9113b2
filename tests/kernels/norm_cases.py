"""Inputs of the norm and group quantisation kernels, and what their results must be.

In: sizes and seeds; results of a kernel. Out: tensors; AssertionError where a result is not what the contract in
`patdsl/reference` allows. The norm is measured against float64, with the error that fp32 may make derived below; what
is computed from rounded values (the sum, the scales, fp8) must be equal bit for bit.
"""

from __future__ import annotations

import attrs
import torch
from torch import Tensor

# Relative to the norm before it is rounded to T, in units of 2^-24. The squares are added in a chain of at most 64 and
# a tree of at most 16, all of one sign, and the root halves that error; then the mean, epsilon, the root (2 units in
# the last place) and the product with it.
NORM_ERROR = ((64 + 16) / 2 + 8) * 2.0**-24


@attrs.frozen
class Results:
    """What a kernel gave, or must give. `q` in an fp8 dtype; `sum` for the ops with a residual."""

    q: Tensor
    scale: Tensor
    keep: Tensor | None
    sum: Tensor | None


def make_inputs(
    rows: int, hidden: int, dtype: torch.dtype, seed: int, device: str = "cpu"
) -> tuple[Tensor, Tensor, Tensor]:
    """x and residual T[rows, hidden], weight T[hidden]: values over some orders of magnitude, rows of zeros too."""
    generator = torch.Generator(device).manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    spread = torch.exp2(4 * draw(rows, 1))
    x = (draw(rows, hidden) * spread).to(dtype)
    residual = (draw(rows, hidden) * spread).to(dtype)
    if rows > 3:
        x[2] = 0
        residual[2] = 0
    return x, residual, (1 + 0.25 * draw(hidden)).to(dtype)


def check(
    got: Results, x: Tensor, residual: Tensor | None, weight: Tensor, epsilon: float, group: int, limit: float
) -> None:
    """Checks every result. `got.keep` must be there: the scales and fp8 values are checked against it."""
    total = x.float() if residual is None else x.float() + residual.float()
    if residual is not None:
        assert got.sum is not None
        assert_same(got.sum, total.to(x.dtype), "sum")
    assert got.keep is not None
    check_norm(got.keep, total, weight, epsilon)
    check_quant(got, group, limit)


def check_norm(norm: Tensor, total: Tensor, weight: Tensor, epsilon: float) -> None:
    """`norm` must be what one of the two roundings of the exact value to T gives, if they differ at all."""
    # The squares overflow in fp32, as they do in the ops apart: above that the mean is infinite.
    squares = total.square().double()
    exact = total.double() * (squares.mean(-1, keepdim=True) + epsilon).rsqrt()
    slack = exact.abs() * NORM_ERROR + 2.0**-149
    wide = weight.float()
    low, high = (
        (bound.to(norm.dtype).float() * wide).to(norm.dtype) for bound in (exact - slack, exact + slack)
    )
    wrong = (norm != low) & (norm != high) & ~(norm.isnan() & low.isnan())
    assert not wrong.any(), (
        f"{int(wrong.sum())} of {norm.numel()} norms, first at {wrong.nonzero()[0].tolist()}"
    )


def check_quant(got: Results, group: int, limit: float) -> None:
    """`scale` and `q` must be those of the norm that was kept; the last group of a row may be short."""
    assert got.keep is not None
    rows, hidden = got.keep.shape
    groups = (hidden + group - 1) // group
    wide = torch.nn.functional.pad(got.keep.float(), (0, groups * group - hidden)).reshape(
        rows, groups, group
    )
    constant = torch.full((), limit, device=wide.device)
    scale = wide.abs().amax(-1).clamp(min=1e-10) / constant
    assert_same(got.scale, scale, "scale")
    levels = (wide / scale.unsqueeze(-1)).clamp(-limit, limit).reshape(rows, -1)[:, :hidden]
    assert_same(got.q.float(), levels.to(got.q.dtype).float(), "q")


def assert_same(got: Tensor, wanted: Tensor, name: str) -> None:
    """Equal bit for bit; any NaN equals any other."""
    assert got.shape == wanted.shape, f"{name}: {tuple(got.shape)}, not {tuple(wanted.shape)}"
    wrong = (got != wanted) & ~(got.isnan() & wanted.isnan())
    wrong |= (got.signbit() != wanted.signbit()) & ~got.isnan()
    if wrong.any():
        place = tuple(wrong.nonzero()[0].tolist())
        raise AssertionError(
            f"{name}: {int(wrong.sum())} of {got.numel()} differ, first at {list(place)}: "
            f"{got[place].item()!r}, not {wanted[place].item()!r}"
        )
