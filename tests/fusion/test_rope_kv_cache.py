"""Rotary embedding and the write of a paged cache are fused, whatever lies between; caches are written as before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from fusing import BF16, OPS, Compiled, assert_same, bf16, compiled, library, whole_library
from torch._inductor import config
from torch.library import _scoped_library

import patdsl
from patdsl.locate import library_folder
from patdsl.runtime import Chain
from patdsl.runtime.torch_ops import forget

A, G, D, V = 4, 2, 32, 16
HEADS, Q, C, R = 3, 24, 40, 16
TOKENS = 5
SCALE = torch.tensor([0.5])
FP8 = torch.float8_e4m3fn
POSITIONS = torch.tensor([3, 1, 0, 7, 2])
SLOTS = torch.tensor([0, 11, -1, 5, 6])
COUNTED = {"rope", "kv_cache_write", "mla_kv_cache_write", "rope_kv_cache", "mla_rope_kv_cache", "cat"}
COUNTED |= {"mla_rope_pe_kv_cache"}


@pytest.fixture(params=["alone", "whole library"])
def passes(request: pytest.FixtureRequest) -> Any:
    return library("rope_kv_cache") if request.param == "alone" else whole_library()


def check(
    model: Callable[..., Any], inputs: tuple[torch.Tensor, ...], after: dict[str, int], **options: Any
) -> Compiled:
    """The passes leave `after` of the ops that count; results and all inputs, written or not, are as without them."""
    expected_inputs = [one.clone() for one in inputs]
    expected = model(*expected_inputs)
    made = compiled(model, *inputs, **options)
    assert made.graphs == 1
    assert {name: count for name, count in made.after.items() if name in COUNTED} == after
    assert_same(made.results, expected)
    assert_same(list(inputs), expected_inputs)
    return made


def pair_model(neox: bool) -> Callable[..., Any]:
    def model(qkv, positions, cos_sin, key_cache, value_cache, slots, scale):
        q, k, v = qkv.split([A * D, G * D, G * V], -1)
        q_r, k_r = OPS.rope(positions, q, k, D, cos_sin, neox)
        key, value = k_r.view(-1, G, D), v.view(-1, G, V)
        OPS.kv_cache_write(key, value, key_cache, value_cache, slots, scale, scale)
        return q_r.view(-1, A, D) * 2, key + 1

    return model


def pair_inputs(
    cache: torch.dtype = BF16, cos_sin: torch.dtype = BF16, tokens: int = TOKENS
) -> tuple[torch.Tensor, ...]:
    qkv = bf16(tokens, A * D + G * D + G * V)
    caches = torch.zeros(3, 4, G, D, dtype=cache), torch.zeros(3, 4, G, V, dtype=cache)
    positions, slots = POSITIONS.repeat(tokens // TOKENS), SLOTS.repeat(tokens // TOKENS)
    return qkv, positions, bf16(8, D, seed=1).to(cos_sin), *caches, slots, SCALE


@pytest.mark.parametrize("cache", [BF16, FP8, torch.uint8], ids=["bf16", "fp8", "u8"])
@pytest.mark.parametrize("neox", [True, False], ids=["neox", "gptj"])
def test_rope_and_write(neox: bool, cache: torch.dtype, passes: Any) -> None:
    made = check(pair_model(neox), pair_inputs(cache), {"rope_kv_cache": 1}, passes=passes)
    assert made.matches == {"rope_kv_cache": 1}


def test_any_number_of_tokens(passes: Any) -> None:
    first, longer = (pair_inputs(cos_sin=torch.float32, tokens=tokens) for tokens in (TOKENS, 2 * TOKENS))
    for index in (0, 1, 5):
        torch._dynamo.mark_dynamic(first[index], 0)
    made = check(pair_model(True), first, {"rope_kv_cache": 1}, passes=passes, dynamic=None)
    kept = [one.clone() for one in longer]
    results = made.function(*longer)
    assert_same(results, pair_model(True)(*kept))
    assert_same(list(longer), kept)


@pytest.mark.slow
def test_in_inductor() -> None:
    made = check(pair_model(True), pair_inputs(), {"rope_kv_cache": 1}, passes=whole_library(), inductor=True)
    assert made.matches == {"rope_kv_cache": 1}


def mla_model(cat: bool, view: bool) -> Callable[..., Any]:
    def model(q_nope, q_pe, kv, positions, cos_sin, cache, slots, scale):
        kv_c, k_pe = kv.split([C, R], -1)
        q_r, k_r = OPS.rope(positions, q_pe, k_pe.unsqueeze(1) if view else k_pe, R, cos_sin, False)
        OPS.mla_kv_cache_write(kv_c, k_r.squeeze(1) if view else k_r, cache, slots, scale)
        return torch.cat([q_nope, q_r], -1) if cat else q_r * 2, k_r + 1

    return model


def mla_inputs(cache: torch.dtype = BF16) -> tuple[torch.Tensor, ...]:
    q_nope, q_pe = bf16(TOKENS, HEADS, Q), bf16(TOKENS, HEADS, R, seed=1)
    kv, cos_sin = bf16(TOKENS, C + R, seed=2), bf16(8, R, seed=3)
    return q_nope, q_pe, kv, POSITIONS, cos_sin, torch.zeros(3, 4, C + R, dtype=cache), SLOTS, SCALE


@pytest.mark.parametrize("view", [True, False], ids=["view", "no view"])
@pytest.mark.parametrize("cat", [True, False], ids=["cat", "parts"])
@pytest.mark.parametrize("cache", [BF16, FP8], ids=["bf16", "fp8"])
def test_mla(cache: torch.dtype, cat: bool, view: bool, passes: Any) -> None:
    name = "mla_rope_kv_cache" if cat else "mla_rope_pe_kv_cache"
    check(mla_model(cat, view), mla_inputs(cache), {name: 1}, passes=passes)


def test_a_concatenation_that_is_not_all(passes: Any) -> None:
    """Where the turned q is read otherwise too, it stays, and its concatenation with it."""

    def model(q_nope, q_pe, kv, positions, cos_sin, cache, slots, scale):
        kv_c, k_pe = kv.split([C, R], -1)
        q_r, k_r = OPS.rope(positions, q_pe, k_pe, R, cos_sin, True)
        OPS.mla_kv_cache_write(kv_c, k_r, cache, slots, scale)
        return torch.cat([q_nope, q_r], -1), q_r * 2

    check(model, mla_inputs(), {"mla_rope_pe_kv_cache": 1, "cat": 1}, passes=passes)


def test_caches_that_are_parts_of_one(passes: Any) -> None:
    """Keys and values by turns in one tensor, as serving engines keep them, in their form of graph."""

    def model(qkv, positions, cos_sin, cache, slots, scale):
        q, k, v = qkv.split([A * D, G * D, G * D], -1)
        q_r, k_r = OPS.rope(positions, q, k, D, cos_sin, True)
        rows = k_r.view(-1, G, D), v.view(-1, G, D)
        OPS.kv_cache_write(*rows, *cache.unbind(1), slots, scale, scale)
        return q_r * 2

    qkv, cache = bf16(TOKENS, (A + 2 * G) * D), torch.zeros(3, 2, 4, G, D, dtype=BF16)
    inputs = (qkv, POSITIONS, bf16(8, D, seed=1), cache, SLOTS, SCALE)
    with config.patch(enable_auto_functionalized_v2=False):
        check(model, inputs, {"rope_kv_cache": 1}, passes=passes)
    assert cache.any()


def plain_model(first: int = 0, backwards: bool = False) -> Callable[..., Any]:
    """Without an op for the rotation, which it is only at the defaults."""

    def model(qkv, positions, cos_sin, key_cache, value_cache, slots, scale):
        q, k, v = qkv.split([A * D, G * D, G * V], -1)
        cos, sin = (x.unsqueeze(-2) for x in cos_sin[positions].chunk(2, -1))

        def rotate(x: torch.Tensor) -> torch.Tensor:
            halves = x.view(-1, x.shape[-1] // D, D).float().chunk(2, -1)
            a, b = halves[first], halves[1 - first]
            second = b * cos - a * sin if backwards else b * cos + a * sin
            return torch.cat([a * cos - b * sin, second], -1).to(BF16)

        q_r, k_r = rotate(q), rotate(k)
        OPS.kv_cache_write(k_r, v.view(-1, G, V), key_cache, value_cache, slots, scale, scale)
        return q_r * 2, k_r + 1

    return model


@pytest.mark.parametrize("cache", [BF16, FP8], ids=["bf16", "fp8"])
def test_plain_torch(cache: torch.dtype, passes: Any) -> None:
    inputs = pair_inputs(cache, torch.float32)
    check(plain_model(), inputs, {"rope_kv_cache": 1}, passes=passes)


@pytest.mark.parametrize(
    ("first", "backwards"), [(1, False), (0, True)], ids=["halves swapped", "not a rotation"]
)
def test_what_is_no_rotation(first: int, backwards: bool, passes: Any) -> None:
    inputs = pair_inputs(cos_sin=torch.float32)
    made = check(plain_model(first, backwards), inputs, {"kv_cache_write": 1, "cat": 2}, passes=passes)
    assert not made.matches


CACHE_OPS = {
    "reshape_and_cache_flash": "(Tensor key, Tensor value, Tensor(a!) key_cache, Tensor(b!) value_cache, "
    "Tensor slot_mapping, str kv_cache_dtype, Tensor k_scale, Tensor v_scale) -> ()",
    "concat_and_cache_mla": "(Tensor kv_c, Tensor k_pe, Tensor(a!) kv_cache, Tensor slot_mapping, "
    "str kv_cache_dtype, Tensor scale) -> ()",
}
ROTARY = (
    "(Tensor positions, Tensor(a!) query, Tensor(b!)? key, int head_size, Tensor cos_sin_cache, bool is_neox, "
    "int rope_dim_offset=0, bool inverse=False) -> ()"
)


def rotate_in_place(positions, query, key, head_size, cos_sin, neox, offset=0, inverse=False):
    assert (offset, inverse) == (0, False)
    q_r, k_r = OPS.rope(positions, query, key, head_size, cos_sin, neox)
    query.copy_(q_r)
    key.copy_(k_r)


@pytest.fixture
def served() -> Iterator[Any]:
    """The ops of a serving engine, by their schemas, and the pattern's file as it is loaded where they are there."""
    with _scoped_library("_C_cache_ops", "DEF") as caches, _scoped_library("_C", "FRAGMENT") as rest:
        for name, schema in CACHE_OPS.items():
            caches.define(f"{name}{schema}")
            torch.library.register_fake(f"_C_cache_ops::{name}", lambda *given: None, lib=caches)
        caches.impl(
            "reshape_and_cache_flash",
            lambda k, v, kc, vc, slots, kind, ks, vs: OPS.kv_cache_write(k, v, kc, vc, slots, ks, vs),
            "CPU",
        )
        caches.impl(
            "concat_and_cache_mla",
            lambda kv_c, k_pe, cache, slots, kind, scale: OPS.mla_kv_cache_write(
                kv_c, k_pe, cache, slots, scale
            ),
            "CPU",
        )
        rest.define(f"rotary_embedding{ROTARY}")
        rest.impl("rotary_embedding", rotate_in_place, "CPU")
        torch.library.register_fake("_C::rotary_embedding", lambda *given, **named: None, lib=rest)
        yield Chain(list(patdsl.load(library_folder() / "rope_kv_cache.pat")))
    for namespace, names in ((torch.ops._C_cache_ops, CACHE_OPS), (torch.ops._C, ("rotary_embedding",))):
        for name in names:
            namespace.__dict__.pop(name, None)  # torch keeps what it has looked up
            forget(f"{namespace.name}::{name}")
            forget(f"{namespace.name}::{name}.default")


@pytest.mark.parametrize("kind", ["auto", "fp8"])
def test_the_ops_of_a_serving_engine(kind: str, served: Any) -> None:
    def model(qkv, positions, cos_sin, key_cache, value_cache, slots, scale):
        q, k, v = (x.contiguous() for x in qkv.split([A * D, G * D, G * V], -1))
        torch.ops._C.rotary_embedding(positions, q, k, D, cos_sin, True)
        rows = k.view(-1, G, D), v.view(-1, G, V)
        torch.ops._C_cache_ops.reshape_and_cache_flash(
            *rows, key_cache, value_cache, slots, kind, scale, scale
        )
        return q * 2, k * 2

    dtype = BF16 if kind == "auto" else torch.uint8
    check(model, pair_inputs(dtype), {"rope_kv_cache": 1}, passes=served)
    other = "fp8" if kind == "auto" else "auto"

    def wrong(qkv, positions, cos_sin, key_cache, value_cache, slots, scale):
        q, k, v = (x.contiguous() for x in qkv.split([A * D, G * D, G * V], -1))
        torch.ops._C.rotary_embedding(positions, q, k, D, cos_sin, True)
        rows = k.view(-1, G, D), v.view(-1, G, V)
        torch.ops._C_cache_ops.reshape_and_cache_flash(
            *rows, key_cache, value_cache, slots, other, scale, scale
        )
        return q * 2, k * 2

    check(wrong, pair_inputs(dtype), {}, passes=served)


def test_the_latent_ops_of_a_serving_engine(served: Any) -> None:
    def model(q_nope, q_pe, kv, positions, cos_sin, cache, slots, scale):
        kv_c, k_pe = kv.split([C, R], -1)
        q_pe, k_pe = q_pe.clone(), k_pe.unsqueeze(1).contiguous()
        torch.ops._C.rotary_embedding(positions, q_pe, k_pe, R, cos_sin, False)
        torch.ops._C_cache_ops.concat_and_cache_mla(kv_c, k_pe.squeeze(1), cache, slots, "auto", scale)
        return torch.cat([q_nope, q_pe], -1), k_pe * 2

    check(model, mla_inputs(), {"mla_rope_kv_cache": 1}, passes=served)


def other_key(qkv, positions, cos_sin, key_cache, value_cache, slots, scale):
    q, k, v = qkv.split([A * D, G * D, G * V], -1)
    q_r, k_r = OPS.rope(positions, q, k, D, cos_sin, True)
    OPS.kv_cache_write(k.view(-1, G, D), v.view(-1, G, V), key_cache, value_cache, slots, scale, scale)
    return q_r, k_r


def half_heads(qkv, positions, cos_sin, key_cache, value_cache, slots, scale):
    q, k, v = qkv.split([A * D, G * D, G * V], -1)
    q_r, k_r = OPS.rope(positions, q, k, D // 2, cos_sin[:, : D // 2].contiguous(), True)
    OPS.kv_cache_write(k_r.view(-1, G, D), v.view(-1, G, V), key_cache, value_cache, slots, scale, scale)
    return q_r


def cache_read_between(qkv, positions, cos_sin, key_cache, value_cache, slots, scale):
    q, k, v = qkv.split([A * D, G * D, G * V], -1)
    before = key_cache.float().sum()
    q_r, k_r = OPS.rope(positions, q, k, D, cos_sin, True)
    between = (key_cache + 1).sum()
    OPS.kv_cache_write(k_r.view(-1, G, D), v.view(-1, G, V), key_cache, value_cache, slots, scale, scale)
    return q_r, before, between, key_cache * 2


def test_a_cache_that_is_read_before_and_after(passes: Any) -> None:
    check(cache_read_between, pair_inputs(), {"rope_kv_cache": 1}, passes=passes)


@pytest.mark.parametrize("model", [other_key, half_heads])
def test_what_is_left_alone(model: Callable[..., Any], passes: Any) -> None:
    """Another key is cached than the one that is turned; heads of another size are turned."""
    made = check(model, pair_inputs(), {"rope": 1, "kv_cache_write": 1}, passes=passes)
    assert not made.matches
