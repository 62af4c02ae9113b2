"""Norms, quantisations and activations of the reference against float64, and what they do with NaN and Inf."""

from __future__ import annotations

import math

import pytest
import torch
from reference_numerics import (
    DTYPES,
    F32,
    SHAPES,
    TARGETS,
    assert_same,
    assert_within,
    half_step,
    norm64,
    rand,
    rounding,
)
from torch.nn import functional

from patdsl import reference as ref
from patdsl.runtime.target import use_target


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_rms_norm(shape, dtype):
    x, weight = rand(*shape, dtype=dtype), rand(shape[-1], dtype=dtype, spread=0.5)
    exact = norm64(x, weight, 1e-6)
    assert_within(ref.rms_norm(x, weight, 1e-6), exact, rounding(dtype, 2, exact))


@pytest.mark.parametrize("variance_size", [1, 48, 64])
def test_rms_norm_variance_size(variance_size):
    x, weight = rand(5, 64), rand(64, spread=0.5)
    exact = norm64(x, weight, 1e-5, variance_size)
    bound = rounding(x.dtype, 2, exact)
    assert_within(ref.rms_norm(x, weight, 1e-5, variance_size), exact, bound)
    if variance_size < 64:
        assert not ((norm64(x, weight, 1e-5) - exact).abs() <= bound).all()


def test_rms_norm_without_weight_rounds_once():
    x = rand(5, 64)
    exact = norm64(x, None, 1e-6)
    assert_within(ref.rms_norm(x, None, 1e-6), exact, rounding(x.dtype, 1, exact))


def test_rms_norm_with_a_wide_weight_rounds_once():
    x, weight = rand(64, 256), 1 + torch.rand(256)
    exact = norm64(x, weight, 1e-6)
    assert_within(ref.rms_norm(x, weight, 1e-6), exact, rounding(x.dtype, 1, exact))


def test_rms_norm_with_a_narrow_weight_rounds_twice():
    """Rounded to bf16 before the weight: differs somewhere from one rounding at the end."""
    x, weight = rand(64, 256), rand(256, spread=0.5)
    once = norm64(x, weight, 1e-6).to(torch.bfloat16)
    assert not torch.equal(ref.rms_norm(x, weight, 1e-6), once)
    scaled = norm64(x, None, 1e-6).float().to(torch.bfloat16)
    same = ref.rms_norm(x, weight, 1e-6) == scaled * weight
    assert same.float().mean() > 0.999  # the rest: fp32 and float64 on two sides of a halfway case


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_fused_add_rms_norm(shape, dtype):
    x, residual = rand(*shape, dtype=dtype, spread=1), rand(*shape, dtype=dtype, spread=1)
    weight = rand(shape[-1], dtype=dtype, spread=0.5)
    y, total = ref.fused_add_rms_norm(x, residual, weight, 1e-6)
    exact_sum = x.double() + residual.double()
    assert_within(total, exact_sum, rounding(dtype, 1, exact_sum))
    # Where the terms cancel, the sum is exact: the norm reads it in fp32.
    exact = norm64(exact_sum, weight, 1e-6)
    assert_within(y, exact, rounding(dtype, 2, exact))


def test_fused_add_rms_norm_reads_the_sum_before_rounding():
    x, residual = rand(64, 256), rand(64, 256)
    y, total = ref.fused_add_rms_norm(x, residual, None, 1e-6)
    assert torch.equal(total, x + residual)
    assert not torch.equal(y, ref.rms_norm(total, None, 1e-6))
    assert torch.equal(y, ref.rms_norm(x.float() + residual.float(), None, 1e-6).to(x.dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_rms_norm_gated(shape, dtype):
    x, z = rand(*shape, dtype=dtype, spread=1), rand(*shape, dtype=dtype, spread=1)
    weight = rand(shape[-1], dtype=dtype, spread=0.5)
    exact = norm64(x, weight, 1e-5) * functional.silu(z.double())
    # silu's exp has a relative error that grows with its argument, here below 100
    assert_within(
        ref.rms_norm_gated(x, z, weight, 1e-5), exact, rounding(dtype, 1, exact) + exact.abs() * 2**-17
    )


def check_quantised(q, scale, x, dtype, amax, limit, floor=0.0):
    """q and scale, both [..., n groups or n values], against exact scales and x."""
    exact = (amax.double() / limit).clamp(min=floor)
    assert_within(scale, exact, exact * 1.01 * F32)
    assert_dequantised(q, scale, x, dtype)


def assert_dequantised(q, scale, x, dtype):
    levels = x.double() / scale.double()
    assert_within(q, levels, half_step(levels, dtype) * (1 + 2**-18))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("group_size", [32, 64])
def test_group_quant(shape, dtype, group_size, target):
    x = rand(*shape, dtype=dtype)
    with use_target(target):
        q, scale = ref.group_quant(x, group_size)
        limit = ref.quant_max(q.dtype)
        assert q.dtype == ref.fp8_dtype()
    assert scale.dtype == torch.float32
    assert scale.shape == (*shape[:-1], shape[-1] // group_size)
    groups = x.reshape(*scale.shape, group_size)
    amax = groups.double().abs().amax(-1)
    check_quantised(
        q.reshape(groups.shape).double(), scale.unsqueeze(-1), groups, q.dtype, amax.unsqueeze(-1), limit
    )
    assert not q.isnan().any()


def test_group_quant_uses_the_whole_range():
    q, _ = ref.group_quant(rand(9, 128), 64)
    assert (q.float().reshape(9, 2, 64).abs().amax(-1) == 448).all()
    with use_target("gfx942"):
        q, _ = ref.group_quant(rand(9, 128), 64)
    assert (q.float().reshape(9, 2, 64).abs().amax(-1) == 224).all()


def test_group_quant_of_zeros():
    q, scale = ref.group_quant(torch.zeros(3, 128, dtype=torch.bfloat16), 64)
    assert (q.float() == 0).all()
    assert torch.equal(scale, torch.full((3, 2), 1e-10) / torch.full((), 448.0))


@pytest.mark.parametrize("shape", [(6, 128), (3, 5, 128), (1, 64), (0, 128), (4, 256)])
@pytest.mark.parametrize("tma_aligned", [False, True])
def test_group_quant_layouts(shape, tma_aligned):
    x = rand(*shape)
    q, scale = ref.group_quant(x, 64)
    other_q, columns = ref.group_quant(x, 64, True, False, tma_aligned)
    assert_same(q, other_q)
    assert torch.equal(scale, columns)
    rows, groups = scale.shape[-2:]
    pitch = -(-rows // 4) * 4 if tma_aligned else max(rows, 1)
    assert columns.stride()[-2:] == (1, pitch)
    assert columns.dim() == 2 or columns.stride(0) == pitch * groups
    assert_same(ref.group_quant(x, 64, False, False, tma_aligned), (q, scale))


def test_group_quant_ue8m0_is_the_next_power_of_two():
    # One group a row; its scale is near, at and around every power of two in reach.
    powers = torch.exp2(torch.arange(-20, 20, dtype=torch.float32))
    wanted = torch.cat(
        [powers, torch.nextafter(powers, powers * 2), torch.nextafter(powers, powers / 2), powers * 1.4]
    )
    x = (wanted * 448).unsqueeze(-1) * torch.tensor([1.0, -0.25, 0.0, 0.5])
    _, plain = ref.group_quant(x, 4)
    q, scale = ref.group_quant(x, 4, ue8m0=True)
    exact = torch.tensor([2.0 ** math.ceil(math.log2(float(value))) for value in plain.double().flatten()])
    near = (torch.log2(plain.double()).flatten().round() - torch.log2(plain.double()).flatten()).abs() < 1e-9
    assert (scale.flatten() == exact)[~near].all()
    assert (scale >= plain).all()
    assert (scale < 2 * plain).all()
    assert_dequantised(q, scale, x, q.dtype)


def test_ragged_group():
    x, z, weight = rand(5, 100), rand(5, 100), rand(100, spread=0.5)
    q, scale = ref.gated_rms_norm_group_quant(x, weight, z, 1e-6, 64)
    assert scale.shape == (5, 2)
    y = ref.rms_norm_gated(x, z, weight, 1e-6)
    assert_same((q[:, :64].contiguous(), scale[:, :1].contiguous()), ref.group_quant(y[:, :64], 64))
    assert_same((q[:, 64:].contiguous(), scale[:, 1:].contiguous()), ref.group_quant(y[:, 64:], 36))


@pytest.mark.parametrize("quant_dtype", [torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.int8])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_token_quant(shape, dtype, quant_dtype):
    x = rand(*shape, dtype=dtype)
    q, scale = ref.token_quant(x, quant_dtype)
    limit = ref.quant_max(quant_dtype)
    assert scale.shape == (*shape[:-1], 1)
    floor = 0.0 if quant_dtype == torch.int8 else 1 / (limit * 512)
    check_quantised(q.double(), scale, x, quant_dtype, x.double().abs().amax(-1, keepdim=True), limit, floor)


def test_token_quant_of_zeros():
    x = torch.zeros(2, 8)
    q, scale = ref.token_quant(x, torch.float8_e4m3fn)
    assert (q.float() == 0).all()
    assert (scale == torch.tensor(1 / (448.0 * 512))).all()
    q, scale = ref.token_quant(x, torch.int8)
    assert (q == 0).all()
    assert (scale == 0).all()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale_shape", [(), (1,), (1, 1)])
def test_static_quant(shape, scale_shape, target):
    x, scale = rand(*shape), torch.full(scale_shape, 0.037)
    x[..., 0] = -1e4
    with use_target(target):
        q = ref.static_quant(x, scale)
        limit = ref.quant_max(q.dtype)
    levels = (x.double() / float(torch.tensor(0.037))).clamp(-limit, limit)
    assert_within(q, levels, half_step(levels, q.dtype) * (1 + 2**-18))
    assert (q[..., 0].float() == -limit).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("op", "function"),
    [(ref.silu_and_mul, functional.silu), (ref.gelu_and_mul, functional.gelu)],
)
def test_gated_activations(shape, dtype, op, function):
    x = rand(*shape, dtype=dtype, spread=1)
    a, b = x.double().chunk(2, -1)
    exact = function(a) * b
    # exp and erf near their tails: relative to the argument, not to the tiny result
    slack = (a * b).abs() * 2**-20
    assert_within(
        op(x), exact, rounding(dtype, 2, exact) + slack + b.abs() * torch.finfo(dtype).smallest_normal
    )


def gelu_by_erf(a):
    return 0.5 * a * (1.0 + torch.erf(a * math.sqrt(0.5)))


def test_gelu_of_infinity():
    x = torch.tensor([[math.inf, 2.0]] * 16).T.reshape(1, -1)  # as many as a vectorised gelu takes at once
    assert (ref.gelu_and_mul(x) == math.inf).all()


@pytest.mark.parametrize(
    ("op", "function"), [(ref.silu_and_mul, functional.silu), (ref.gelu_and_mul, gelu_by_erf)]
)
def test_gated_activations_round_before_the_product(op, function):
    x = rand(64, 256, spread=1)
    a, b = x.chunk(2, -1)
    assert torch.equal(op(x), function(a.float()).bfloat16() * b)
    assert not torch.equal(op(x), (function(a.float()) * b.float()).bfloat16())


def test_gelu_is_the_exact_one():
    x = torch.tensor([[1.0, 1.0]])
    assert abs(float(ref.gelu_and_mul(x)) - 0.8413447460685429) < 1e-6  # the tanh form gives 0.84119


def test_nan_stays_in_its_row_and_group():
    x, weight = rand(3, 128), rand(128, spread=0.5)
    x[1, 5] = math.nan
    y = ref.rms_norm(x, weight, 1e-6)
    assert y[1].isnan().all()
    assert not y[[0, 2]].isnan().any()
    q, scale = ref.group_quant(x, 64)
    assert scale.isnan().tolist() == [[False, False], [True, False], [False, False]]
    assert q[1, :64].isnan().all()
    assert not q[1, 64:].isnan().any()
    assert ref.group_quant(x, 64, ue8m0=True)[1].isnan().tolist() == scale.isnan().tolist()
    q, scale = ref.token_quant(x, torch.float8_e4m3fn)
    assert scale.isnan().flatten().tolist() == [False, True, False]
    assert q[1].isnan().all()
    q, scale = ref.token_quant(x, torch.int8)
    assert scale.isnan().flatten().tolist() == [False, True, False]
    assert (q[1] == 0).all()
    q = ref.static_quant(x, torch.tensor(1.0))
    assert q.isnan().sum() == 1
    assert q[1, 5].isnan()


def test_inf_leaves_zeros_and_a_nan():
    x, weight = rand(2, 128), torch.ones(128, dtype=torch.bfloat16)
    x[1, 5] = -math.inf
    y = ref.rms_norm(x, weight, 1e-6)
    assert y[1, 5].isnan()
    assert (y[1, 6:] == 0).all()
    for ue8m0 in (False, True):
        q, scale = ref.group_quant(x, 64, ue8m0=ue8m0)
        assert scale[1, 0] == math.inf
        assert q[1, 5].isnan()
        assert (q[1, 6:64].float() == 0).all()
    q, scale = ref.token_quant(x, torch.int8)
    assert scale[1] == math.inf
    assert (q[1] == 0).all()
    q = ref.static_quant(x, torch.tensor(1.0))
    assert q[1, 5].float() == -448  # a given scale saturates
