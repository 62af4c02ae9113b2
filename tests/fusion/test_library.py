"""The library's other patterns, alone and together with all the rest: what they fuse, and what they leave."""

from __future__ import annotations

import itertools

import pytest
import torch
from fusing import (
    BF16,
    OPS,
    Compiled,
    assert_fuses,
    assert_left_alone,
    assert_same,
    bf16,
    compiled,
    library,
    whole_library,
)
from torch.nn import functional

H, D = 256, 128
Q, C, R = 256, 128, 64
FP8 = torch.float8_e4m3fn
EPSILON = 1e-6


@pytest.fixture(params=["alone", "whole library"])
def passes_of_file(request):
    """`file -> passes`: of that file, or of all of them."""
    return library if request.param == "alone" else lambda *names: whole_library()


# silu(gate) * up


def custom_op(x):
    return OPS.silu_and_mul(x)


def writing_op(x):
    y = torch.empty(*x.shape[:-1], D, dtype=x.dtype, device=x.device)
    OPS.silu_and_mul_out(y, x)
    return y


def slices(x):
    return functional.silu(x[..., :D]) * x[..., D:]


def swapped(x):
    return x[..., D:] * functional.silu(x[..., :D])


def chunks(x):
    gate, up = x.chunk(2, -1)
    return functional.silu(gate) * up


def split(x):
    gate, up = torch.split(x, D, -1)
    return functional.silu(gate) * up


ACTIVATIONS = [custom_op, writing_op, slices, swapped, chunks, split]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("dims", [(4, 2 * D), (2, 3, 2 * D)], ids=["2-D", "3-D"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_silu_mul_group_quant(activation, dims, n, passes_of_file):
    def model(x):
        y = activation(x)
        return [OPS.group_quant(y.view(-1, D), 64) for _ in range(n)]

    views = {"reshape": 1} if len(dims) == 3 else {}
    x = bf16(*dims)
    assert_fuses(
        model, x, passes=passes_of_file("silu_mul_quant"), after={"silu_mul_group_quant": 1, **views}
    )


@pytest.mark.slow
@pytest.mark.parametrize("activation", [custom_op, writing_op, slices])
def test_silu_mul_group_quant_in_inductor(activation):
    def model(x):
        return OPS.group_quant(activation(x), 64)

    assert_fuses(
        model,
        bf16(4, 2 * D),
        passes=library("silu_mul_quant"),
        inductor=True,
        after={"silu_mul_group_quant": 1},
    )


@pytest.mark.parametrize(
    "activation",
    [
        lambda x: functional.silu(x[..., D:]) * x[..., :D],
        lambda x: functional.silu(x[..., :D]) * x[..., :D],
        lambda x: functional.silu(x[..., :D]) + x[..., D:],
        lambda x: functional.gelu(x[..., :D]) * x[..., D:],
        lambda x: functional.silu(x[..., :D].float()).mul(2).to(BF16) * x[..., D:],
        lambda x: torch.sigmoid(x[..., :D]) * x[..., D:],
    ],
    ids=["halves swapped", "one half twice", "added", "gelu", "doubled", "sigmoid"],
)
def test_what_is_not_silu_mul(activation, passes_of_file):
    def model(x):
        return OPS.group_quant(activation(x), 64)

    assert_left_alone(model, bf16(4, 2 * D), passes=passes_of_file("silu_mul_quant"), has={"group_quant": 1})


def test_silu_mul_that_is_read_otherwise_too(passes_of_file):
    def model(x):
        y = slices(x)
        return OPS.group_quant(y, 64), y

    assert_left_alone(
        model, bf16(4, 2 * D), passes=passes_of_file("silu_mul_quant"), has={"group_quant": 1, "exp": 1}
    )


# the dual norm of MLA


def latents(qkv):
    q, kv = torch.split(qkv, [Q, C + R], -1)
    return q, *torch.split(kv, [C, R], -1)


def dual(quant=None, k_pe_read=True, q_epsilon=EPSILON, kv_epsilon=1e-5):
    def model(qkv, q_weight, kv_weight):
        q, kv, k_pe = latents(qkv)
        q = OPS.rms_norm(q, q_weight, q_epsilon)
        kv = OPS.rms_norm(kv, kv_weight, kv_epsilon)
        q = quant(q) if quant else q
        return (q, kv, k_pe) if k_pe_read else (q, kv)

    return model


LATENTS = bf16(4, Q + C + R) * 1e-3, bf16(Q, seed=1), bf16(C, seed=2)
QUANTS = {
    "mla_dual_rms_norm": None,
    "mla_dual_rms_norm_group_quant": lambda q: OPS.group_quant(q, 128),
    "mla_dual_rms_norm_token_quant": lambda q: OPS.token_quant(q, FP8),
}


@pytest.mark.parametrize("k_pe_read", [True, False], ids=["k_pe", "dead k_pe"])
@pytest.mark.parametrize("fused", QUANTS)
def test_mla(fused, k_pe_read):
    model = dual(QUANTS[fused], k_pe_read)
    after = {"split_with_sizes": 2, fused: 1}
    assert_fuses(model, *LATENTS, passes=library("rms_norm_quant", "mla_dual_rms_norm"), after=after)
    assert_fuses(model, *LATENTS, passes=whole_library(), after=after)


@pytest.mark.parametrize("layout", list(itertools.product((False, True), repeat=3)), ids=str)
def test_mla_with_scales_in_any_layout(layout):
    """By columns is how block-scaled products read them, padded or not; as powers of two, newer checkpoints."""
    col_major, ue8m0, tma_aligned = layout
    model = dual(lambda q: OPS.group_quant(q, 128, col_major, ue8m0, tma_aligned))
    after = {"split_with_sizes": 2, "mla_dual_rms_norm_group_quant": 1}
    assert_fuses(model, *LATENTS, passes=whole_library(), after=after)


@pytest.mark.slow
@pytest.mark.parametrize("fused", QUANTS)
def test_mla_in_inductor(fused):
    after = {"split_with_sizes": 2, fused: 1}
    assert_fuses(dual(QUANTS[fused]), *LATENTS, passes=whole_library(), inductor=True, after=after)


@pytest.mark.parametrize("fused", QUANTS)
def test_mla_in_3_d_has_its_leading_dims_merged(fused):
    """A split of the last dim commutes with views of the leading ones, which the kernel takes merged."""
    qkv = LATENTS[0].view(2, 2, -1)
    results = 2 if QUANTS[fused] is None else 3
    after = {"split_with_sizes": 2, fused: 1, "reshape": 2 + results}
    passes = library("rms_norm_quant", "mla_dual_rms_norm")
    assert_fuses(dual(QUANTS[fused]), qkv, *LATENTS[1:], passes=passes, after=after)


def test_norms_of_two_projections_are_no_dual_norm():
    def model(qkv, q_weight, kv_weight):
        q, _, _ = latents(qkv)
        _, kv, _ = latents(qkv * 2)
        return OPS.rms_norm(q, q_weight, EPSILON), OPS.rms_norm(kv, kv_weight, EPSILON)

    assert_left_alone(model, *LATENTS, passes=whole_library(), has={"rms_norm": 2})


def test_norms_of_q_alone_and_of_k_pe():
    def model(qkv, q_weight, kv_weight):
        q, kv, k_pe = latents(qkv)
        return OPS.rms_norm(q, q_weight, EPSILON), kv, OPS.rms_norm(k_pe, kv_weight[:R], EPSILON)

    assert_left_alone(model, *LATENTS, passes=whole_library(), has={"rms_norm": 2})


# a residual added before the norm


def add_norm(swap=False, sum_read=True):
    def model(x, residual, weight):
        total = residual + x if swap else x + residual
        y = OPS.rms_norm(total, weight, EPSILON)
        return (y, total) if sum_read else (y,)

    return model


def assert_rounded_later(made: Compiled, x, residual, weight) -> None:
    """The norm reads the sum before it is rounded: the results are those of the fused op, which says so."""
    expected = OPS.fused_add_rms_norm(x, residual, weight, EPSILON)
    assert_same(tuple(made.results), expected[: len(made.results)])


@pytest.mark.parametrize("sum_read", [True, False], ids=["sum", "dead sum"])
@pytest.mark.parametrize("swap", [False, True], ids=["x + residual", "residual + x"])
@pytest.mark.parametrize("dims", [(4, H), (2, 3, H)], ids=["2-D", "3-D"])
def test_add_norm(dims, swap, sum_read, passes_of_file):
    inputs = bf16(*dims), bf16(*dims, seed=1), bf16(H, seed=2)
    made = compiled(add_norm(swap, sum_read), *inputs, passes=passes_of_file("add_rms_norm"))
    assert made.before == {"add": 1, "rms_norm": 1}
    assert made.after == {"fused_add_rms_norm": 1}
    assert_rounded_later(made, *inputs)


@pytest.mark.slow
def test_add_norm_in_inductor():
    inputs = bf16(4, H), bf16(4, H, seed=1), bf16(H, seed=2)
    made = compiled(add_norm(), *inputs, passes=whole_library(), inductor=True)
    assert made.after == {"fused_add_rms_norm": 1}
    assert_rounded_later(made, *inputs)


@pytest.mark.parametrize(
    "total",
    [
        lambda x, residual: x + residual[:1],
        lambda x, residual: torch.add(x, residual, alpha=2),
        lambda x, residual: x + 1.0,
        lambda x, residual: (x.float() + residual).to(BF16),
    ],
    ids=["broadcast", "alpha", "scalar", "float"],
)
def test_sums_that_the_fused_op_does_not_make(total, passes_of_file):
    def model(x, residual, weight):
        return OPS.rms_norm(total(x, residual), weight, EPSILON)

    inputs = bf16(4, H), bf16(4, H, seed=1), bf16(H, seed=2)
    assert_left_alone(model, *inputs, passes=passes_of_file("add_rms_norm"), has={"rms_norm": 1, "add": 1})


def test_add_norm_and_its_quants_in_two_passes():
    """What one pass makes is what the next one looks for."""

    def model(x, residual, weight):
        y, total = add_norm()(x, residual, weight)
        return OPS.group_quant(y, 128), OPS.group_quant(y, 128), total

    inputs = bf16(4, H), bf16(4, H, seed=1), bf16(H, seed=2)
    made = compiled(model, *inputs, passes=whole_library())
    assert made.after == {"add_rms_norm_group_quant": 1}
    assert made.matches == {"add_rms_norm": 1, "add_rms_norm_group_quant": 1}
    q, total, scale = OPS.add_rms_norm_group_quant(*inputs, EPSILON, 128)
    assert_same(made.results, ((q, scale), (q, scale), total))


# the norm padded for the experts, and the router


def padded(amount=64):
    def model(x, residual, weight, router):
        y, residual = OPS.fused_add_rms_norm(x, residual, weight, EPSILON)
        return functional.pad(y, (0, amount)), functional.linear(y, router), residual

    return model


ROUTED = bf16(4, H), bf16(4, H, seed=1), bf16(H, seed=2), bf16(8, H, seed=3)


@pytest.mark.parametrize("amount", [1, 64, 256])
def test_pad_and_router(amount, passes_of_file):
    after = {"add_rms_norm_pad": 1, "slice": 1, "permute": 1, "mm": 1}
    assert_fuses(padded(amount), *ROUTED, passes=passes_of_file("add_rms_norm_pad"), after=after)


@pytest.mark.slow
def test_pad_and_router_in_inductor():
    after = {"add_rms_norm_pad": 1, "slice": 1, "permute": 1, "mm": 1}
    assert_fuses(padded(), *ROUTED, passes=whole_library(), inductor=True, after=after)


@pytest.mark.parametrize(
    "pad",
    [
        lambda y: functional.pad(y, (0, 64), value=1.0),
        lambda y: functional.pad(y, (64, 0)),
        lambda y: functional.pad(y, (0, 64, 0, 1)),
    ],
    ids=["ones", "in front", "rows too"],
)
def test_padding_that_the_kernel_does_not_do(pad, passes_of_file):
    def model(x, residual, weight, router):
        y, residual = OPS.fused_add_rms_norm(x, residual, weight, EPSILON)
        return pad(y), functional.linear(y, router), residual

    has = {"fused_add_rms_norm": 1, "constant_pad_nd": 1, "mm": 1}
    assert_left_alone(model, *ROUTED, passes=passes_of_file("add_rms_norm_pad"), has=has)
