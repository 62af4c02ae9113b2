"""The cache ops in plain torch, against loops over tokens, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import patdsl.reference as reference
from patdsl.runtime.target import use_target

BF16, FP8, FNUZ = torch.bfloat16, torch.float8_e4m3fn, torch.float8_e4m3fnuz
ONE = torch.ones(1)
OPS = torch.ops.patdsl


def draw(*shape: int, seed: int, dtype: torch.dtype = BF16) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).mul(30).to(dtype)


def stored(row: torch.Tensor, cache: torch.Tensor, scale: float, fp8: torch.dtype) -> torch.Tensor:
    """One token's values as the cache has them, one by one."""
    if cache.dtype == row.dtype:
        return row
    most = torch.finfo(fp8).max
    divided = [min(max(value / scale, -most), most) for value in row.flatten().tolist()]
    return torch.tensor(divided).to(fp8).view(cache.dtype).reshape(row.shape)


@settings(deadline=None, max_examples=60)
@given(
    tokens=st.integers(0, 6),
    heads=st.integers(1, 3),
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    blocks=st.integers(1, 3),
    block_size=st.integers(1, 4),
    kind=st.sampled_from(["same", "fp8", "fnuz", "bytes"]),
    by_heads=st.booleans(),
    data=st.data(),
)
def test_against_a_loop(
    tokens: int,
    heads: int,
    sizes: tuple[int, int],
    blocks: int,
    block_size: int,
    kind: str,
    by_heads: bool,
    data: st.DataObject,
) -> None:
    """Every slot is what its token says, and all the others are as they were; the arguments too."""
    fp8 = FNUZ if kind == "fnuz" else FP8
    dtype = {"same": BF16, "fp8": FP8, "fnuz": FNUZ, "bytes": torch.uint8}[kind]
    total = blocks * block_size
    slots = data.draw(st.lists(st.integers(-2, total + 1), max_size=tokens, unique=True))
    key, value = (draw(tokens, heads, size, seed=size) for size in sizes)
    caches = []
    for size in sizes:
        shape = (blocks, heads, block_size, size) if by_heads else (blocks, block_size, heads, size)
        cache = torch.zeros(shape).to(BF16).to(dtype)
        caches.append(cache.transpose(1, 2) if by_heads else cache)
    expected = [cache.clone() for cache in caches]
    for token, slot in enumerate(slots):
        if 0 <= slot < total:
            for cache, row, scale in ((expected[0], key[token], 0.5), (expected[1], value[token], 3.0)):
                bits = cache.view(torch.int8) if cache.dtype != BF16 else cache
                new = stored(row, cache, scale, fp8)
                bits[slot // block_size, slot % block_size] = new.view(bits.dtype)
    mapping = torch.tensor(slots, dtype=torch.int64)
    with use_target("gfx942" if kind == "fnuz" else "sm_90"):
        got = reference.kv_cache_write(key, value, *caches, mapping, ONE * 0.5, ONE * 3)
        for one, wanted, cache in zip(got, expected, caches, strict=True):
            assert one.stride() == cache.stride()
            assert torch.equal(one.float(), wanted.float())
            assert not cache.float().any()
        OPS.kv_cache_write(key, value, *caches, mapping, ONE * 0.5, ONE * 3)
    for cache, wanted in zip(caches, expected, strict=True):
        assert torch.equal(cache.float(), wanted.float())


@pytest.mark.parametrize("neox", [True, False])
def test_fused_is_its_parts(neox: bool) -> None:
    q, k, v = draw(4, 6 * 8, seed=1), draw(4, 2 * 8, seed=2), draw(4, 2 * 5, seed=3)
    positions, cos_sin, slots = torch.tensor([3, 0, 1, 3]), draw(5, 6, seed=4), torch.tensor([2, -1, 0])
    caches = torch.zeros(2, 2, 2, 8, dtype=FP8), torch.zeros(2, 2, 2, 5, dtype=FP8)
    q_r, k_r = reference.rope(positions, q, k, 8, cos_sin, neox)
    parts = q_r, k_r, *reference.kv_cache_write(k_r, v, *caches, slots, ONE * 0.2, ONE * 7)
    whole = reference.rope_kv_cache(positions, q, k, v, cos_sin, neox, *caches, slots, ONE * 0.2, ONE * 7)
    for one, other in zip(whole, parts, strict=True):
        assert torch.equal(one.float(), other.float())


@pytest.mark.parametrize("neox", [True, False])
def test_latent_is_its_parts(neox: bool) -> None:
    q_nope, q_pe = draw(3, 2, 5, seed=1), draw(3, 2, 6, seed=2)
    kv_c, k_pe = draw(3, 9, seed=3), draw(3, 1, 6, seed=4)
    positions, cos_sin, slots = torch.tensor([1, 0, 4]), draw(5, 6, seed=5), torch.tensor([3, 0, 1])
    cache = torch.zeros(2, 2, 15, dtype=BF16)
    q_r, k_r = reference.rope(positions, q_pe, k_pe, 6, cos_sin, neox)
    last = (kv_c, cos_sin, neox, cache, slots, ONE)
    whole = reference.mla_rope_kv_cache(positions, q_nope, q_pe, k_pe, *last)
    apart = reference.mla_rope_pe_kv_cache(positions, q_pe, k_pe, *last)
    assert torch.equal(whole[0], torch.cat([q_nope, q_r], -1))
    assert torch.equal(apart[0], q_r)
    written = torch.zeros(4, 15, dtype=BF16)
    written[slots] = torch.cat([kv_c, k_r[:, 0]], -1)
    for found in (whole, apart):
        assert torch.equal(found[1], k_r)
        assert torch.equal(found[2], written.view(2, 2, 15))
    assert torch.equal(reference.mla_kv_cache_write(kv_c, k_r, cache, slots, ONE), whole[2])
    assert not cache.any()


def test_a_part_of_a_larger_cache_stays_one() -> None:
    """The copy that the functional form writes has the strides of the cache, and nothing of what is beside it."""
    whole = draw(3, 2, 4, 2, 8, seed=1)
    keys, values = whole.unbind(1)
    k, v = draw(1, 2, 8, seed=2), draw(1, 2, 8, seed=3)
    before = whole.clone()
    new_keys, new_values = reference.kv_cache_write(k, v, keys, values, torch.tensor([5]), ONE, ONE)
    assert torch.equal(whole, before)
    assert new_keys.stride() == keys.stride()
    before[1, 0, 1], before[1, 1, 1] = k[0], v[0]
    assert torch.equal(new_keys, before[:, 0])
    assert torch.equal(new_values, before[:, 1])


K, V = torch.zeros(4, 16, dtype=BF16), torch.zeros(4, 10, dtype=BF16)
KC, VC = torch.zeros(2, 3, 2, 8, dtype=BF16), torch.zeros(2, 3, 2, 5, dtype=BF16)
SLOTS = torch.zeros(4, dtype=torch.int64)
LATENT, PE, CACHE = (torch.zeros(*shape, dtype=BF16) for shape in ((4, 9), (4, 6), (2, 3, 15)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            (K, V, KC[0], VC, SLOTS, ONE, ONE),
            r"key_cache has shape \[3, 2, 8\]; accepted: \[blocks, block_size",
        ),
        (
            (K, V, KC, VC[:1], SLOTS, ONE, ONE),
            "value_cache is .*accepted: the dtype, blocks and heads of key_cache",
        ),
        (
            (K, V, KC.half(), VC.half(), SLOTS, ONE, ONE),
            r"key_cache is torch.float16; accepted: torch.bfloat16",
        ),
        ((K, V, KC.to(FNUZ), VC.to(FNUZ), SLOTS, ONE, ONE), "key_cache is torch.float8_e4m3fnuz; accepted"),
        (
            (K.half(), V, KC.half(), VC.half(), SLOTS, ONE, ONE),
            "value is torch.bfloat16; accepted: torch.float16",
        ),
        ((K.int(), V, KC.int(), VC.int(), SLOTS, ONE, ONE), "the key is torch.int32; accepted"),
        ((K[:, :15], V, KC, VC, SLOTS, ONE, ONE), "key has shape .*accepted: 16 values"),
        ((K, V[:3], KC, VC, SLOTS, ONE, ONE), "value has shape .*accepted: 10 values.* for each of 4 tokens"),
        ((K, V, KC, VC, SLOTS.int(), ONE, ONE), r"slot_mapping is torch.int32\[4\]; accepted: torch.int64"),
        ((K, V, KC, VC, torch.cat([SLOTS, SLOTS]), ONE, ONE), r"slot_mapping is torch.int64\[8\]; accepted"),
        ((K, V, KC, VC, SLOTS, ONE.double(), ONE), "k_scale is torch.float64"),
        ((K, V, KC, VC, SLOTS, ONE, torch.ones(2)), r"v_scale is torch.float32\[2\]; accepted: one element"),
    ],
)
def test_what_a_write_refuses(arguments: tuple[Any, ...], words: str) -> None:
    for call in (reference.kv_cache_write, OPS.kv_cache_write):
        with pytest.raises(ValueError, match=f"kv_cache_write: {words}"):
            call(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            (LATENT, PE, CACHE[..., 1:], SLOTS, ONE),
            r"kv_cache has shape .*accepted: \[blocks, block_size, 15\]",
        ),
        ((LATENT, PE[:3], CACHE, SLOTS, ONE), "k_pe has shape .*accepted: 6 values"),
        ((LATENT.half(), PE, CACHE, SLOTS, ONE), "kv_c is torch.float16"),
        ((LATENT[0, 0], PE, CACHE, SLOTS, ONE), r"kv_c has shape \[\]; accepted: a row for each token"),
    ],
)
def test_what_a_latent_write_refuses(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=f"mla_kv_cache_write: {words}"):
        OPS.mla_kv_cache_write(*arguments)


def test_what_the_fused_ops_refuse() -> None:
    positions, cos_sin = torch.zeros(4, dtype=torch.int64), torch.zeros(5, 6)
    q = torch.zeros(4, 2, 6, dtype=BF16)
    pair = (KC, VC, SLOTS[:1], ONE, ONE)
    with pytest.raises(
        ValueError, match=r"rope_kv_cache: key has shape .* 16 values for each of 2 positions"
    ):
        OPS.rope_kv_cache(positions[:2], K, K, V, cos_sin, True, *pair)
    with pytest.raises(ValueError, match=r"rope_kv_cache: query is torch.float16"):
        OPS.rope_kv_cache(positions, K.half(), K, V, cos_sin, True, *pair)
    last = (CACHE, SLOTS, ONE)
    with pytest.raises(ValueError, match=r"mla_rope_pe_kv_cache: k_pe has shape .* for each of 3 positions"):
        OPS.mla_rope_pe_kv_cache(positions[:3], q[:3], PE, LATENT, cos_sin, True, *last)
    with pytest.raises(ValueError, match=r"mla_rope_pe_kv_cache: cos_sin has shape .* 6 columns"):
        OPS.mla_rope_pe_kv_cache(positions, q, PE, LATENT, cos_sin[:, :4], True, *last)
    with pytest.raises(ValueError, match=r"mla_rope_kv_cache: q_nope has shape .* that of q_pe"):
        OPS.mla_rope_kv_cache(positions, q[:, :1], q, PE, LATENT, cos_sin, True, *last)
