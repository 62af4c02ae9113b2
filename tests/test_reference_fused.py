"""Fused ops against their parts, bit for bit, and what the ops refuse."""

from __future__ import annotations

import pytest
import torch
from reference_numerics import F32, assert_same, rand
from torch.nn import functional

from patdsl import reference as ref


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def swapped_in(pair, middle):
    """(q, middle, scale): the order of results where a sum is returned as well."""
    return pair[0], middle, pair[1]


def composed(name, x, residual, weight, scale):
    """Arguments of the fused op, and its results from its parts, written out; group 64, `weight` of H."""
    y = ref.rms_norm(x, weight, 1e-6)
    added, total = ref.fused_add_rms_norm(x, residual, weight, 1e-6)
    halves = ref.silu_and_mul(x)
    rest = ref.rms_norm(residual, weight, 1e-5)
    ar = torch.empty(x.shape, dtype=x.dtype).copy_(x)
    fp8 = ref.fp8_dtype()
    one, add = (x, weight, 1e-6), (x, residual, weight, 1e-6)
    dual = (x, weight, residual, weight, 1e-6, 1e-5)
    table = {
        "rms_norm_group_quant": ((*one, 64), lambda: ref.group_quant(y, 64)),
        "rms_norm_group_quant_keep": ((*one, 64, True), lambda: (*ref.group_quant(y, 64, True), y)),
        "add_rms_norm_group_quant": ((*add, 64), lambda: swapped_in(ref.group_quant(added, 64), total)),
        "add_rms_norm_group_quant_keep": (
            (*add, 64, True),
            lambda: (*swapped_in(ref.group_quant(added, 64, True), total), added),
        ),
        "rms_norm_token_quant": ((*one, torch.int8), lambda: ref.token_quant(y, torch.int8)),
        "add_rms_norm_token_quant": ((*add, fp8), lambda: swapped_in(ref.token_quant(added, fp8), total)),
        "rms_norm_static_quant": ((x, weight, scale, 1e-6), lambda: ref.static_quant(y, scale)),
        "add_rms_norm_static_quant": (
            (x, residual, weight, scale, 1e-6),
            lambda: (ref.static_quant(added, scale), total),
        ),
        "silu_mul_group_quant": ((x, 64, True), lambda: ref.group_quant(halves, 64, True)),
        "silu_mul_static_quant": ((x, scale), lambda: ref.static_quant(halves, scale)),
        "silu_mul_token_quant": ((x, fp8), lambda: ref.token_quant(halves, fp8)),
        "gated_rms_norm_group_quant": (
            (x, weight, residual, 1e-6, 64),
            lambda: ref.group_quant(ref.rms_norm_gated(x, residual, weight, 1e-6), 64),
        ),
        "mla_dual_rms_norm": (dual, lambda: (y, rest)),
        "mla_dual_rms_norm_group_quant": (
            (*dual, 64, True, True, True),
            lambda: (*ref.group_quant(y, 64, True, True, True), rest),
        ),
        "mla_dual_rms_norm_token_quant": (dual, lambda: (*ref.token_quant(y, fp8), rest)),
        "add_rms_norm_pad": (
            (*one, residual, 96),
            lambda: (functional.pad(added, (0, -x.shape[-1] % 96)), total),
        ),
        "add_rms_norm_nvfp4_quant": (
            (*add, scale, False),
            lambda: swapped_in(ref.nvfp4_quant(added, scale, False), total),
        ),
        "silu_mul_nvfp4_quant": ((x, scale), lambda: ref.nvfp4_quant(halves, scale, True)),
        "ar_rms_norm": (one, lambda: (y, ar)),
        "ar_add_rms_norm": (add, lambda: (added, total)),
        "ar_rms_norm_static_quant": ((*one, scale), lambda: (ref.static_quant(y, scale), ar)),
        "ar_add_rms_norm_static_quant": ((*add, scale), lambda: (ref.static_quant(added, scale), total)),
        "ar_rms_norm_nvfp4_quant": (
            (*one, scale),
            lambda: swapped_in(ref.nvfp4_quant(y, scale, True), ar),
        ),
        "ar_add_rms_norm_nvfp4_quant": (
            (*add, scale),
            lambda: swapped_in(ref.nvfp4_quant(added, scale, True), total),
        ),
        "ar_rms_norm_group_quant": ((*one, 64), lambda: swapped_in(ref.group_quant(y, 64), ar)),
        "ar_add_rms_norm_group_quant": ((*add, 64), lambda: swapped_in(ref.group_quant(added, 64), total)),
        "ar_add_rms_norm_group_quant_norm": (
            (*add, 64),
            lambda: (*swapped_in(ref.group_quant(added, 64), total), added),
        ),
    }
    args, parts = table[name]
    return args, parts()


FUSED = [
    *("rms_norm_group_quant", "rms_norm_group_quant_keep", "add_rms_norm_group_quant"),
    *("add_rms_norm_group_quant_keep", "rms_norm_token_quant", "add_rms_norm_token_quant"),
    *("rms_norm_static_quant", "add_rms_norm_static_quant", "silu_mul_group_quant", "silu_mul_static_quant"),
    *("silu_mul_token_quant", "gated_rms_norm_group_quant", "mla_dual_rms_norm"),
    *("mla_dual_rms_norm_group_quant", "mla_dual_rms_norm_token_quant", "add_rms_norm_pad"),
    *("add_rms_norm_nvfp4_quant", "silu_mul_nvfp4_quant", "ar_rms_norm", "ar_add_rms_norm"),
    *("ar_rms_norm_static_quant", "ar_add_rms_norm_static_quant", "ar_rms_norm_nvfp4_quant"),
    *("ar_add_rms_norm_nvfp4_quant", "ar_rms_norm_group_quant", "ar_add_rms_norm_group_quant"),
    "ar_add_rms_norm_group_quant_norm",
]
SHAPES = [(7, 128), (3, 5, 128), (0, 128)]
CASES = [
    (name, shape)
    for name in FUSED
    for shape in SHAPES
    if len(shape) == 2 or "nvfp4" not in name  # 4-bit quantisation takes two dimensions
]


@pytest.mark.parametrize(("name", "shape"), CASES)
@pytest.mark.parametrize("strided", [False, True])
def test_fused_is_its_parts_bit_for_bit(name, shape, strided):
    x, residual = rand(*shape), rand(*shape)
    if strided:  # a slice of wider rows, and columns as rows
        x = torch.cat([x, x], -1)[..., : shape[-1]]
        residual = residual.transpose(0, -1).contiguous().transpose(0, -1)
    args, expected = composed(name, x, residual, rand(128, spread=0.5), torch.tensor([0.5]))
    assert_same(getattr(ref, name)(*args), expected)


def test_gemma_adds_one_to_the_weight_in_fp32():
    x, residual, weight = rand(5, 64), rand(5, 64), rand(64, spread=0.5)
    wide = weight.float() + 1
    assert_same(ref.ar_rms_norm(x, weight, 1e-6, True)[0], ref.rms_norm(x, wide, 1e-6))
    assert_same(
        ref.ar_add_rms_norm(x, residual, weight, 1e-6, gemma=True),
        ref.fused_add_rms_norm(x, residual, wide, 1e-6),
    )


@pytest.mark.parametrize("neox", [True, False])
def test_qk_norm_rope_is_its_parts(neox):
    a, g, v, size = 4, 2, 2, 16
    qkv, q_weight, k_weight = rand(5, (a + g + v) * size), rand(size, spread=0.5), rand(size, spread=0.5)
    positions, cos_sin = torch.tensor([4, 1, 0, 8, 8]), torch.rand(9, 16).bfloat16()
    query, key = qkv[:, : a * size], qkv[:, a * size : (a + g) * size]
    q_n = ref.rms_norm(query.reshape(5, a, size), q_weight, 1e-6).reshape(5, -1)
    k_n = ref.rms_norm(key.reshape(5, g, size), k_weight, 1e-6).reshape(5, -1)
    parts = (*ref.rope(positions, q_n, k_n, size, cos_sin, neox), qkv[:, (a + g) * size :])
    found = ref.qk_norm_rope(qkv, a, g, v, size, 1e-6, q_weight, k_weight, cos_sin, neox, positions)
    assert_same(found, torch.cat(parts, -1))


def test_linear_and_all_reduce():
    x, weight, bias = rand(2, 3, 8), rand(5, 8), rand(5)
    assert_same(ref.linear(x, weight, bias), functional.linear(x, weight, bias))
    assert_same(ref.linear(x, weight), x @ weight.T)
    copy = ref.all_reduce(x.transpose(0, 1), "tp")
    assert copy.is_contiguous()
    assert torch.equal(copy, x.transpose(0, 1))
    assert copy.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()


def test_a_rounded_norm_is_what_the_quant_reads():
    """The contract is the unfused graph: with the norm kept in fp32, scales differ."""
    x, weight = rand(64, 256, spread=0.5), rand(256, spread=0.5)
    _, scale = ref.rms_norm_group_quant(x, weight, 1e-6, 64)
    _, unrounded = ref.group_quant(ref.rms_norm(x.float(), weight.float(), 1e-6), 64)
    assert not torch.equal(scale, unrounded)
    u = torch.finfo(torch.bfloat16).eps / 2
    assert ((scale / unrounded - 1).abs() <= (1 + u) ** 2 - 1 + 40 * F32).all()


X = torch.zeros(4, 64, dtype=torch.bfloat16)
W = torch.zeros(64, dtype=torch.bfloat16)
POSITIONS, ANGLES = torch.zeros(4, dtype=torch.int64), torch.zeros(8, 16)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: ref.rms_norm(X.double(), W, 1e-6),
            r"rms_norm: x is torch\.float64; accepted: torch\.bfloat16",
        ),
        (
            lambda: ref.rms_norm(X, W[:32], 1e-6),
            r"weight is torch\.bfloat16\[32\]; accepted: a float vector of 64",
        ),
        (lambda: ref.rms_norm(X, W.int(), 1e-6), r"weight is torch\.int32\[64\]"),
        (lambda: ref.rms_norm(X[:, :0], None, 1e-6), "accepted: a last dimension of 1 and up"),
        (lambda: ref.rms_norm(torch.tensor(1.0), None, 1e-6), r"x has shape \(\)"),
        (lambda: ref.rms_norm(X, W, 1e-6, 65), "variance_size is 65; accepted: 1 to 64"),
        (lambda: ref.rms_norm(X, W, 1e-6, 0), "variance_size is 0"),
        (lambda: ref.rms_norm(X, W.to("meta"), 1e-6), "weight is on meta, x on cpu"),
        (lambda: ref.fused_add_rms_norm(X, X[:2], W, 1e-6), r"residual is torch\.bfloat16\[2, 64\]"),
        (lambda: ref.fused_add_rms_norm(X, X.half(), W, 1e-6), r"residual is torch\.float16"),
        (lambda: ref.rms_norm_gated(X, X[:, :32], W, 1e-6), "z is"),
        (lambda: ref.group_quant(X, 48), "64, not a multiple of group_size 48"),
        (lambda: ref.group_quant(X, 0), "group_size is 0"),
        (lambda: ref.group_quant(W, 64, True), "col_major needs x to have at least 2 dimensions, it has 1"),
        (lambda: ref.group_quant(X.int(), 64), r"x is torch\.int32"),
        (lambda: ref.token_quant(X, torch.float8_e5m2), r"cannot quantise to torch\.float8_e5m2"),
        (lambda: ref.static_quant(X, torch.ones(4)), r"scale is torch\.float32\[4\]; accepted: one element"),
        (lambda: ref.static_quant(X, torch.ones(1).half()), r"scale is torch\.float16"),
        (
            lambda: ref.silu_and_mul(X[:, :63]),
            "silu_and_mul: the last dimension of x is 63; accepted: an even size",
        ),
        (lambda: ref.add_rms_norm_pad(X, W, 1e-6, X, 0), "multiple is 0"),
        (lambda: ref.nvfp4_quant(X[:, :24], torch.ones(1), True), "a multiple of 16"),
        (lambda: ref.nvfp4_quant(X[None], torch.ones(1), True), r"x has shape \(1, 4, 64\)"),
        (lambda: ref.rope(POSITIONS, X, X, 48, ANGLES, True), "whole heads of 48"),
        (lambda: ref.rope(POSITIONS.int(), X, X, 16, ANGLES, True), r"positions is torch\.int32"),
        (lambda: ref.rope(POSITIONS, X, X, 8, ANGLES, True), r"accepted: \[positions, 2 to 8\]"),
        (lambda: ref.rope(POSITIONS, X, X, 16, ANGLES[:, :15], True), "15 columns; accepted: an even number"),
        (
            lambda: ref.rope(POSITIONS[:3], X, X, 64, ANGLES, True),
            "does not divide into heads of 64 for 3 positions",
        ),
        (lambda: ref.mrope(POSITIONS, X, X, ANGLES, 16, 16, 2, 2, 2, True, True), "t \\+ h \\+ w is 6"),
        (
            lambda: ref.mrope(POSITIONS[None], X, X, ANGLES, 16, 16, 2, 3, 3, True, True),
            r"positions has shape \(1, 4\)",
        ),
    ],
)
def test_refusals_name_the_argument(call, words):
    with pytest.raises(ValueError, match=words):
        call()
