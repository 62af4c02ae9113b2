"""int8 and MX quantisation of the reference against float64, and what zeros, NaN, Inf and subnormal values become."""

from __future__ import annotations

import math

import pytest
import torch
from reference_numerics import DTYPES, F32, SHAPES, TARGETS, assert_same, assert_within, half_step, rand

from patdsl import reference as ref
from patdsl.runtime.target import use_target

INT8 = torch.int8


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


# int8


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("group_size", [32, 64])
def test_int8_groups(shape, dtype, group_size):
    x = rand(*shape, dtype=dtype)
    q, scale = ref.group_quant(x, group_size, quant_dtype=INT8)
    assert q.dtype == INT8
    assert scale.shape == (*shape[:-1], shape[-1] // group_size)
    groups = x.double().reshape(*scale.shape, group_size)
    exact = groups.abs().amax(-1) / 127
    assert_within(scale, exact, exact * 1.01 * F32)
    levels = groups / scale.double().unsqueeze(-1)
    assert_within(q.reshape(groups.shape), levels, half_step(levels, INT8) * (1 + 2**-17))
    assert (q.reshape(groups.shape).abs().amax(-1) == 127).all()


def test_int8_groups_round_to_nearest_even():
    """The scale is 1; vLLM's op of this path would cut the fractions off."""
    x = torch.tensor([[127.0, 0.4, 0.5, 0.6, 1.5, 2.5, -0.5, -1.5, -2.5, -2.6, 126.7, -127.0]])
    q, scale = ref.group_quant(x, 12, quant_dtype=INT8)
    assert scale.tolist() == [[1.0]]
    assert q.tolist() == [[127, 0, 0, 1, 2, 2, 0, -2, -2, -3, 127, -127]]


def test_int8_groups_with_scales_that_are_powers_of_two():
    x = rand(9, 128)
    _, plain = ref.group_quant(x, 64, quant_dtype=INT8)
    q, scale = ref.group_quant(x, 64, ue8m0=True, quant_dtype=INT8)
    assert (torch.frexp(scale).mantissa == 0.5).all()
    assert (scale >= plain).all()
    assert (scale < 2 * plain).all()
    levels = x.double().reshape(9, 2, 64) / scale.double().unsqueeze(-1)
    assert torch.equal(q.double().reshape(levels.shape), levels.round())


def test_int8_groups_have_the_layouts_of_fp8():
    x = rand(6, 128)
    for options in ((False, False, False), (True, False, False), (True, True, True)):
        _, scale = ref.group_quant(x, 64, *options)
        q, other = ref.group_quant(x, 64, *options, INT8)
        assert other.stride() == scale.stride()
        assert q.stride() == (128, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_static_int8(shape, dtype):
    x, scale = rand(*shape, dtype=dtype, spread=1), torch.tensor([0.037])
    levels = x.double() / scale.double()
    q = ref.static_quant(x, scale, INT8)
    assert q.dtype == INT8
    assert_within(q, levels.clamp(-128, 127), 0.5 * (1 + 2**-16))


def test_static_int8_divides():
    """By the scale itself: where x / scale is halfway, x * (1 / scale) can fall on either side."""
    scale = torch.tensor([0.3])
    x = torch.cat([(torch.arange(-100, 100) + 0.5) * scale, torch.tensor([1e30, -1e30, 0.0, -0.0])])
    q = ref.static_quant(x, scale, INT8)
    assert torch.equal(q, torch.div(x, scale).round().clamp(-128, 127).to(INT8))
    assert not torch.equal(q, (x * (1 / scale)).round().clamp(-128, 127).to(INT8))
    assert q[-4:].tolist() == [127, -128, 0, 0]


def test_a_dtype_that_is_given_overrules_the_target():
    x, scale = rand(4, 64), torch.tensor(0.1)
    with use_target("gfx942"):
        expected = ref.group_quant(x, 32), ref.static_quant(x, scale)
    fnuz = torch.float8_e4m3fnuz
    assert_same(ref.group_quant(x, 32, quant_dtype=fnuz), expected[0])
    assert_same(ref.static_quant(x, scale, fnuz), expected[1])
    assert_same(ref.group_quant(x, 32, quant_dtype=torch.float8_e4m3fn), ref.group_quant(x, 32))


def test_int8_of_nan_inf_and_zeros():
    x = torch.ones(5, 64)
    x[1, 3], x[2, 3], x[3, 3], x[4] = math.nan, math.inf, -math.inf, 0.0
    q, scale = ref.group_quant(x, 64, quant_dtype=INT8)
    assert scale.flatten().tolist()[0] == torch.tensor(1 / 127).item()
    assert scale[1].isnan()
    assert scale[2:4].tolist() == [[math.inf], [math.inf]]
    assert scale[4] == torch.tensor(1e-10) / torch.tensor(127.0)
    assert (q[0] == 127).all()
    assert (q[1:] == 0).all()
    q = ref.static_quant(x, torch.tensor(0.5), INT8)
    assert q[1:4, 3].tolist() == [0, 127, -128]
    assert (q[0] == 2).all()


# MX


def decoded(scale):
    """The values of e8m0 bytes."""
    return torch.exp2(scale.double() - 127).masked_fill(scale == 255, math.nan)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES[:4], (128,), (0, 64), (4, 0, 64)])
def test_mx(shape, dtype, target):
    x = rand(*shape, dtype=dtype)
    with use_target(target):
        q, scale = ref.mx_quant(x)
        assert q.dtype == ref.fp8_dtype()
        limit = ref.quant_max(q.dtype)
    assert scale.dtype == torch.uint8
    assert scale.shape == (*shape[:-1], shape[-1] // 32)
    groups, step = x.double().reshape(*scale.shape, 32), decoded(scale)
    amax = groups.abs().amax(-1)
    assert (amax <= limit * step).all()
    assert (amax > limit * step / 2).all()
    levels = groups / step.unsqueeze(-1)
    assert torch.equal(q.double().reshape(groups.shape), levels.to(q.dtype).double())


@pytest.mark.parametrize("target", TARGETS)
def test_mx_scale_of_every_bf16_value(target):
    """Each finite bf16 as the largest of a group: the least power of two that keeps it within the limit."""
    values = torch.arange(0x7F80, dtype=torch.int16).view(torch.bfloat16)
    x = torch.zeros(len(values), 32, dtype=torch.bfloat16)
    x[:, 5] = -values
    with use_target(target):
        q, scale = ref.mx_quant(x)
        limit = ref.quant_max(q.dtype)
    step = decoded(scale).flatten()
    exact = values.double()
    assert (exact <= limit * step).all()
    assert ((exact > limit * step / 2) | (scale.flatten() == 0)).all()
    assert torch.equal(q[:, 5].double(), (-exact / step).to(q.dtype).double())
    assert (q[:, :5].float() == 0).all()


def test_mx_scale_changes_just_above_the_limit():
    """448 and its neighbours in fp32, at small and large powers of two."""
    for power in (-140, -127, -1, 0, 1, 100, 119):
        top = torch.tensor(448.0) * 2.0**power
        if power > -135:
            tops = torch.stack([top, torch.nextafter(top, top * 2), torch.nextafter(top, top / 2)])
        else:
            tops = top.repeat(3)
        x = torch.zeros(3, 32)
        x[:, 0] = tops
        q, scale = ref.mx_quant(x)
        byte = max(power + 127, 0)
        above = byte + 1 if power >= -127 else 0
        assert scale.flatten().tolist() == [byte, above, byte]
        if power >= -127:
            assert q[:, 0].float().tolist() == [448, 224, 448]


def test_mx_scales_are_the_bytes_of_e8m0():
    x = rand(16, 256, spread=8)
    _, scale = ref.mx_quant(x)
    assert torch.equal(scale.view(torch.float8_e8m0fnu).float().double(), decoded(scale))


def test_mx_is_group_quant_with_powers_of_two():
    """For groups that are not nearly zero, the scales are those of `ue8m0`."""
    x = rand(9, 128)
    q, scale = ref.mx_quant(x)
    other_q, other = ref.group_quant(x, 32, ue8m0=True)
    assert torch.equal(decoded(scale).float(), other)
    assert_same(q, other_q)


def test_mx_of_zeros_keeps_signs():
    x = torch.zeros(2, 64)
    x[1] = -0.0
    q, scale = ref.mx_quant(x)
    assert (scale == 0).all()
    assert (q.float() == 0).all()
    assert q.float().signbit().tolist() == [[False] * 64, [True] * 64]


def test_mx_of_subnormal_values():
    """Values below the normal range of fp32 and bf16 are values like any others, down to the least scale."""
    least = 2.0**-133  # the least of bf16
    x = torch.zeros(2, 32, dtype=torch.bfloat16)
    x[0, :3] = torch.tensor([least, -3 * least, 96 * least]).bfloat16()
    x[1, :2] = torch.tensor([448 * 2.0**-127, least]).bfloat16()
    q, scale = ref.mx_quant(x)
    assert scale.tolist() == [[0], [0]]
    assert q[0, :3].float().tolist() == [2.0**-6, -3 * 2.0**-6, 96 * 2.0**-6]
    assert q[1, :2].float().tolist() == [448.0, 2.0**-6]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_mx_of_nan_and_inf(value, dtype):
    x = rand(3, 64, dtype=dtype, spread=1)
    expected = ref.mx_quant(x)
    x[1, 40] = value
    q, scale = ref.mx_quant(x)
    assert scale[1, 1] == 255
    assert scale.view(torch.float8_e8m0fnu).float()[1, 1].isnan()
    assert q[1, 32:].isnan().all()
    q[1, 32:], scale[1, 1] = expected[0][1, 32:], expected[1][1, 1]
    assert_same((q, scale), expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda x: ref.mx_quant(x[:, :48]),
            "mx_quant: the last dimension of x is 48; accepted: a multiple of 32",
        ),
        (lambda x: ref.mx_quant(x.int()), r"mx_quant: x is torch\.int32"),
        (lambda x: ref.group_quant(x, 32, quant_dtype=torch.uint8), r"cannot quantise to torch\.uint8"),
        (lambda x: ref.static_quant(x, torch.ones(1), torch.float16), r"cannot quantise to torch\.float16"),
        (lambda x: ref.rms_norm(x, None, 1e-6, gemma=True), "gemma without a weight; accepted: a weight"),
        (lambda x: ref.rms_norm_group_quant_layouts(x[0], None, 1e-6, 32), "at least 2 dimensions, it has 1"),
        (lambda x: ref.rms_norm_pad(x, None, 1e-6, 0), "multiple is 0"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(torch.zeros(4, 64))
