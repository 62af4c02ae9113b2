"""Rotary embedding and 4-bit quantisation of the reference, against their definitions in float64."""

from __future__ import annotations

import math

import pytest
import torch
from reference_numerics import DTYPES, F32, assert_same, assert_within, half_step, rand, rounding

from patdsl import reference as ref


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


E2M1 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0])


def decode(q):
    return E2M1[torch.stack([q & 15, q >> 4], -1).flatten(-2).long()]


def test_nvfp4_codes_round_to_nearest_even():
    # global_scale 6/6 and a 6 in each group: its scale is 1, so the values are the levels themselves.
    halfway = {0.25: 0.0, 0.75: 1.0, 1.25: 1.0, 1.75: 2.0, 2.5: 2.0, 3.5: 4.0, 5.0: 4.0}
    values = [0.0, 0.24, 0.26, 0.5, 0.74, 1.0, 1.26, 1.5, 1.74, 2.0, 2.49, 3.0, 3.49, 4.0, 5.1, *halfway]
    nearest = [0.0, 0.0, 0.5, 0.5, 0.5, 1.0, 1.5, 1.5, 1.5, 2.0, 2.0, 3.0, 3.0, 4.0, 6.0, *halfway.values()]
    x, expected = torch.zeros(4, 32), torch.zeros(4, 32)
    for row, sign in ((0, 1), (1, -1)):
        x[row, : len(values)] = sign * torch.tensor(values)
        expected[row, : len(values)] = sign * torch.tensor(nearest)
    x[:, -1] = x[:, 0] = 6.0
    expected[:, -1] = expected[:, 0] = 6.0
    q, scale = ref.nvfp4_quant(x, torch.tensor([1.0]), False)
    assert scale.dtype == torch.uint8
    assert (scale.view(torch.float8_e4m3fn).float() == 1).all()
    assert torch.equal(decode(q), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(7, 64), (1, 16), (130, 80), (0, 32)])
def test_nvfp4_against_float64(shape, dtype):
    x = rand(*shape, dtype=dtype, spread=0.5)
    total = torch.tensor([448 * 6 / 8.0])
    q, stored = ref.nvfp4_quant(x, total, False)
    scale = stored.view(torch.float8_e4m3fn).double()
    groups = x.double().reshape(shape[0], shape[1] // 16, 16)
    wanted = (groups.abs().amax(-1) / 6 * total.double()).clamp(max=448)
    assert_within(scale, wanted, half_step(wanted, torch.float8_e4m3fn) * (1 + 2**-18))
    unit = (scale / total.double()).unsqueeze(-1)
    levels = torch.where(unit == 0, 0.0, groups / unit).clamp(-6, 6)
    step = torch.where(levels.abs() < 2, 0.25, torch.where(levels.abs() < 4, 0.5, 1.0))
    assert_within(decode(q).reshape(groups.shape), levels, step * (1 + 2**-18))


@pytest.mark.parametrize(("rows", "groups"), [(1, 1), (7, 4), (128, 4), (130, 5), (0, 4)])
def test_nvfp4_tiles(rows, groups):
    """Byte by byte, from the layout that the hardware documents for a tile of 128 rows by 4 scales."""
    x, total = rand(rows, groups * 16, spread=0.5), torch.tensor(300.0)
    _, linear = ref.nvfp4_quant(x, total, False)
    _, swizzled = ref.nvfp4_quant(x, total, True)
    assert swizzled.dtype == torch.int32
    assert swizzled.shape == (-(-rows // 128) * 128, -(-groups // 4))
    expected = torch.zeros(swizzled.numel() * 4, dtype=torch.uint8)
    for row in range(rows):
        for column in range(groups):
            tile = row // 128 * swizzled.shape[1] + column // 4
            expected[tile * 512 + row % 32 * 16 + row % 128 // 32 * 4 + column % 4] = linear[row, column]
    assert torch.equal(swizzled.view(torch.uint8).flatten(), expected)


def test_nvfp4_nan_and_inf():
    x = rand(2, 32, spread=0.5)
    x[0, 3], x[1, 20] = math.nan, math.inf
    q, stored = ref.nvfp4_quant(x, torch.tensor(1.0), False)
    scale = stored.view(torch.float8_e4m3fn)
    assert scale.isnan().tolist() == [[True, False], [False, False]]
    assert decode(q)[0, 3] == 6
    assert scale[1, 1].float() == 448
    assert decode(q)[1, 20] == 6


def table(length, rotary):
    angle = torch.outer(
        torch.arange(length).double(), 10000.0 ** -(torch.arange(rotary // 2).double() * 2 / rotary)
    )
    return torch.cat([angle.cos(), angle.sin()], -1)


def turn64(x, angles, head_size, neox):
    """Rotation as a product of complex numbers; angles: [N, R], cosines then sines."""
    heads = x.double().reshape(len(angles), -1, head_size).clone()
    rotary = angles.shape[1]
    first, second = (
        (range(rotary // 2), range(rotary // 2, rotary))
        if neox
        else (range(0, rotary, 2), range(1, rotary, 2))
    )
    first, second = list(first), list(second)
    factor = torch.complex(*angles.double().chunk(2, -1)).unsqueeze(1)
    turned = torch.complex(heads[..., first], heads[..., second]) * factor
    heads[..., first], heads[..., second] = turned.real, turned.imag
    return heads.reshape(x.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("neox", [True, False])
@pytest.mark.parametrize(("head_size", "rotary"), [(16, 16), (24, 16), (16, 2)])
@pytest.mark.parametrize("form", ["tokens, row", "tokens, heads, head", "batch, tokens, row"])
def test_rope(dtype, neox, head_size, rotary, form):
    query = rand(5, 48, dtype=dtype, spread=1)
    key = rand(5, head_size, dtype=dtype, spread=1)
    cos_sin = table(11, rotary).to(dtype)
    positions = torch.tensor([3, 0, 10, 3, 7])
    if form == "tokens, heads, head":
        query = query.reshape(5, -1, head_size)
    elif form == "batch, tokens, row":
        query, positions = query[None], positions[None]
    found = ref.rope(positions, query, key, head_size, cos_sin, neox)
    angles = cos_sin[positions.flatten()]
    for one, x in zip(found, (query, key), strict=True):
        exact = turn64(x, angles, head_size, neox)
        assert_within(one, exact, rounding(dtype, 1, exact) + 4 * F32 * x.double().abs().max())


def test_rope_without_tokens():
    empty = torch.zeros(0, 32)
    q_r, k_r = ref.rope(torch.zeros(0, dtype=torch.int64), empty, empty, 16, table(4, 16).float(), True)
    assert q_r.shape == k_r.shape == (0, 32)


@pytest.mark.parametrize("neox", [True, False])
@pytest.mark.parametrize("interleaved", [True, False])
def test_mrope(neox, interleaved):
    t, h, w, head_size = (
        6,
        3,
        2,
        24,
    )  # fewer heights than times, fewer widths than heights: angles left for time
    rotary = 2 * (t + h + w)
    positions = torch.randint(0, 30, (3, 6))
    query, key, cos_sin = rand(6, 48, spread=1), rand(6, 24, spread=1), table(30, rotary).float()
    found = ref.mrope(positions, query, key, cos_sin, head_size, rotary, t, h, w, interleaved, neox)
    owners = [0] * t + [1] * h + [2] * w
    if interleaved:  # T H W T H W ... while there are heights and widths left
        owners = [0] * (t + h + w)
        for i in range(h):
            owners[3 * i + 1] = 1
        for i in range(w):
            owners[3 * i + 2] = 2
    angles = torch.zeros(6, rotary)
    for token in range(6):
        for i, owner in enumerate(owners * 2):
            angles[token, i] = cos_sin[positions[owner, token], i]
    for one, x in zip(found, (query, key), strict=True):
        exact = turn64(x, angles, head_size, neox)
        assert_within(one, exact, rounding(x.dtype, 1, exact) + 4 * F32 * x.double().abs().max())


def test_mrope_with_one_position_is_rope():
    positions, query, key, cos_sin = torch.arange(6), rand(6, 32), rand(6, 16), table(9, 12).float()
    expected = ref.rope(positions, query, key, 16, cos_sin, True)
    assert_same(ref.mrope(positions, query, key, cos_sin, 16, 12, 2, 2, 2, True, True), expected)
    assert_same(
        ref.mrope(positions.expand(3, -1), query, key, cos_sin, 16, 12, 2, 2, 2, False, True), expected
    )
