"""Rotary embedding and the write of a paged cache in Triton, for q, k and v and for latent attention.

In: pointers of slices of one projection, positions, a table of cosines and sines, slots. Out: the turned q and k, and
the caches. A program takes some heads of some tokens: of q, of k, or of v. Products and sums are fp32, rounded once; an
fp8 cache gets IEEE quotients. Caches are dense, block after block, so a slot is a row. EARLY: launched before the
kernel in front has ended, and waits for that.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

# Triton reads the annotations of its kernels as constants or nothing.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, N803


@triton.jit
def cached(value, scale_ptr, FP8: tl.constexpr):
    if FP8:
        wide = value.to(tl.float32)
        return tl.div_rn(wide, tl.load(scale_ptr) + tl.zeros_like(wide)).to(tl.float8e4nv)
    else:  # noqa: RET505  Triton compiles only one of the two
        return value


@triton.jit
def turn_halves(x_ptr, out_ptr, at, out, cos, sin, inside, HALF: tl.constexpr):
    """Value i with i + HALF. `at`, `out`: the places of the first of each pair. Out: both, as rounded."""
    a = tl.load(x_ptr + at, mask=inside, other=0.0)
    b = tl.load(x_ptr + at + HALF, mask=inside, other=0.0)
    first = (a.to(tl.float32) * cos - b.to(tl.float32) * sin).to(a.dtype)
    second = (b.to(tl.float32) * cos + a.to(tl.float32) * sin).to(a.dtype)
    tl.store(out_ptr + out, first, mask=inside)
    tl.store(out_ptr + out + HALF, second, mask=inside)
    return first, second


@triton.jit
def turn_neighbours(x_ptr, out_ptr, at, out, cos, sin, inside, LINES: tl.constexpr, HALF: tl.constexpr):
    """Value 2 i with 2 i + 1. `at`, `out`: the places of all. Out: all, as rounded."""
    x = tl.load(x_ptr + at, mask=inside, other=0.0)
    a, b = tl.split(tl.reshape(x.to(tl.float32), (LINES, HALF, 2)))
    turned = tl.reshape(tl.join(a * cos - b * sin, b * cos + a * sin), (LINES, 2 * HALF)).to(x.dtype)
    tl.store(out_ptr + out, turned, mask=inside)
    return turned


@triton.jit
def angles(position_ptr, table_ptr, token, known, ROTARY: tl.constexpr):
    """Cosines and sines of the tokens, [tokens, ROTARY / 2]."""
    position = tl.load(position_ptr + token, mask=known, other=0)
    place = position[:, None] * ROTARY + tl.arange(0, ROTARY // 2)[None, :]
    return tl.load(table_ptr + place).to(tl.float32), tl.load(table_ptr + place + ROTARY // 2).to(tl.float32)


@triton.jit
def cache_values(
    qkv_ptr,
    at,
    slot_ptr,
    token,
    known,
    head,
    cache_ptr,
    scale_ptr,
    HEADS: tl.constexpr,
    SIZE: tl.constexpr,
    FP8: tl.constexpr,
):
    column = tl.arange(0, SIZE)[None, :]
    value = tl.load(qkv_ptr + at[:, None] + column, mask=known[:, None], other=0.0)
    slot = tl.load(slot_ptr + token, mask=known, other=-1)
    place = (slot * HEADS + head)[:, None] * SIZE + column
    tl.store(cache_ptr + place, cached(value, scale_ptr, FP8), mask=(slot >= 0)[:, None])


@triton.jit
def turn_queries(qkv_ptr, at, cos, sin, token, known, head, q_ptr, HEADS: tl.constexpr, SIZE: tl.constexpr):
    column = tl.arange(0, SIZE // 2)[None, :]
    out = (token * HEADS + head)[:, None] * SIZE + column
    turn_halves(qkv_ptr, q_ptr, at[:, None] + column, out, cos, sin, known[:, None], SIZE // 2)


@triton.jit
def turn_keys(
    qkv_ptr,
    at,
    cos,
    sin,
    slot_ptr,
    token,
    known,
    head,
    k_ptr,
    cache_ptr,
    scale_ptr,
    HEADS: tl.constexpr,
    SIZE: tl.constexpr,
    FP8: tl.constexpr,
):
    column = tl.arange(0, SIZE // 2)[None, :]
    out = (token * HEADS + head)[:, None] * SIZE + column
    slot = tl.load(slot_ptr + token, mask=known, other=-1)
    first, second = turn_halves(
        qkv_ptr, k_ptr, at[:, None] + column, out, cos, sin, known[:, None], SIZE // 2
    )
    place = (slot * HEADS + head)[:, None] * SIZE + column
    tl.store(cache_ptr + place, cached(first, scale_ptr, FP8), mask=(slot >= 0)[:, None])
    tl.store(cache_ptr + place + SIZE // 2, cached(second, scale_ptr, FP8), mask=(slot >= 0)[:, None])


@triton.jit(do_not_specialize=["tokens"])
def pair_kernel(
    qkv_ptr,
    position_ptr,
    table_ptr,
    slot_ptr,
    q_ptr,
    k_ptr,
    key_cache_ptr,
    value_cache_ptr,
    k_scale_ptr,
    v_scale_ptr,
    tokens,
    Q_HEADS: tl.constexpr,
    K_HEADS: tl.constexpr,
    SIZE: tl.constexpr,
    TOKENS: tl.constexpr,
    HEADS: tl.constexpr,
    FP8: tl.constexpr,
    EARLY: tl.constexpr,
):
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    line = tl.arange(0, TOKENS * HEADS)
    token = (tl.program_id(0) * TOKENS + line // HEADS).to(tl.int64)
    head = tl.program_id(1) * HEADS + line % HEADS  # of q, then k, then v
    known = token < tokens
    at = token * ((Q_HEADS + 2 * K_HEADS) * SIZE) + head * SIZE
    if tl.program_id(1) * HEADS >= Q_HEADS + K_HEADS:
        first = head - Q_HEADS - K_HEADS
        cache_values(
            qkv_ptr, at, slot_ptr, token, known, first, value_cache_ptr, v_scale_ptr, K_HEADS, SIZE, FP8
        )
    else:
        cos, sin = angles(position_ptr, table_ptr, token, known, SIZE)
        if tl.program_id(1) * HEADS < Q_HEADS:
            turn_queries(qkv_ptr, at, cos, sin, token, known, head, q_ptr, Q_HEADS, SIZE)
        else:
            turn_keys(
                qkv_ptr, at, cos, sin, slot_ptr, token, known, head - Q_HEADS, k_ptr, key_cache_ptr, k_scale_ptr,
                K_HEADS, SIZE, FP8,
            )  # fmt: skip


@triton.jit
def latent_queries(
    nope_ptr,
    q_pe_ptr,
    position_ptr,
    table_ptr,
    q_ptr,
    tokens,
    Q_HEADS: tl.constexpr,
    NOPE: tl.constexpr,
    ROTARY: tl.constexpr,
    TOKENS: tl.constexpr,
    HEADS: tl.constexpr,
):
    line = tl.arange(0, TOKENS * HEADS)
    token = (tl.program_id(0) * TOKENS + line // HEADS).to(tl.int64)
    known = token < tokens
    cos, sin = angles(position_ptr, table_ptr, token, known, ROTARY)
    row = (token * Q_HEADS + tl.program_id(1) * HEADS + line % HEADS)[:, None]
    column = tl.arange(0, ROTARY)[None, :]
    wide = tl.arange(0, NOPE)[None, :]
    nope = tl.load(nope_ptr + row * NOPE + wide, mask=known[:, None])
    out = row * (NOPE + ROTARY)
    turn_neighbours(
        q_pe_ptr, q_ptr, row * ROTARY + column, out + NOPE + column, cos, sin, known[:, None],
        TOKENS * HEADS, ROTARY // 2,
    )  # fmt: skip
    tl.store(q_ptr + out + wide, nope, mask=known[:, None])


@triton.jit
def latent_keys(
    kv_ptr,
    position_ptr,
    table_ptr,
    slot_ptr,
    k_ptr,
    cache_ptr,
    scale_ptr,
    tokens,
    LATENT: tl.constexpr,
    ROTARY: tl.constexpr,
    TOKENS: tl.constexpr,
    FP8: tl.constexpr,
):
    token = (tl.program_id(0) * TOKENS + tl.arange(0, TOKENS)).to(tl.int64)
    known = token < tokens
    cos, sin = angles(position_ptr, table_ptr, token, known, ROTARY)
    column = tl.arange(0, ROTARY)[None, :]
    wide = tl.arange(0, LATENT)[None, :]
    row = token[:, None] * (LATENT + ROTARY)
    latent = tl.load(kv_ptr + row + wide, mask=known[:, None])
    slot = tl.load(slot_ptr + token, mask=known, other=-1)
    turned = turn_neighbours(
        kv_ptr, k_ptr, row + LATENT + column, token[:, None] * ROTARY + column, cos, sin, known[:, None],
        TOKENS, ROTARY // 2,
    )  # fmt: skip
    place = cache_ptr + (slot * (LATENT + ROTARY))[:, None]
    tl.store(place + wide, cached(latent, scale_ptr, FP8), mask=(slot >= 0)[:, None])
    tl.store(place + LATENT + column, cached(turned, scale_ptr, FP8), mask=(slot >= 0)[:, None])


@triton.jit(do_not_specialize=["tokens"])
def latent_kernel(
    nope_ptr,
    q_pe_ptr,
    kv_ptr,
    position_ptr,
    table_ptr,
    slot_ptr,
    q_ptr,
    k_ptr,
    cache_ptr,
    scale_ptr,
    tokens,
    Q_HEADS: tl.constexpr,
    NOPE: tl.constexpr,
    LATENT: tl.constexpr,
    ROTARY: tl.constexpr,
    TOKENS: tl.constexpr,
    HEADS: tl.constexpr,
    FP8: tl.constexpr,
    EARLY: tl.constexpr,
):
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    if tl.program_id(1) * HEADS < Q_HEADS:
        latent_queries(
            nope_ptr, q_pe_ptr, position_ptr, table_ptr, q_ptr, tokens, Q_HEADS, NOPE, ROTARY, TOKENS, HEADS
        )
    else:
        latent_keys(
            kv_ptr, position_ptr, table_ptr, slot_ptr, k_ptr, cache_ptr, scale_ptr, tokens,
            LATENT, ROTARY, TOKENS, FP8,
        )  # fmt: skip
