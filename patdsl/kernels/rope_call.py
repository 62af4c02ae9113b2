"""One launch of the rotary and cache kernels: from checked tensors to the fields of a C call.

In: checked tensors on one GPU, results to be filled. Out: nothing; KernelError where the launch fails, ValueError
where a cache overlaps an input. A tensor whose tokens and heads do not lie in even steps, or whose values do not lie
side by side, is copied first.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import torch
from torch import Tensor

from patdsl.kernels import library
from patdsl.kernels.arguments import DTYPES
from patdsl.kernels.errors import raise_failure
from patdsl.torch_private import stream_getter

# PatdslRopeCall in kernels/src/rope_launch.h is these groups of fields, in this order.
_COMMON, _Q, _K, _V, _LAST = 10, 12, 13, 10, 7
FIELDS = struct.Struct(f"={_COMMON + _Q + _K + _V + _LAST}q")
_NO_Q, _NO_V = (0,) * _Q, (0,) * _V
_OVERLAP = -2

_Fields = tuple[int, ...]


class Turning(NamedTuple):
    """What q and k are turned by."""

    positions: Tensor
    cos_sin: Tensor
    neox: bool


class Caches(NamedTuple):
    """A cache of keys and one of values, [blocks, block_size, heads, size], and how they are written."""

    key_cache: Tensor
    value_cache: Tensor
    slot_mapping: Tensor
    k_scale: Tensor
    v_scale: Tensor


def launch_pair(
    op: str,
    tokens: int,
    head_size: int,
    turning: Turning | None,
    queries: tuple[Tensor, Tensor] | None,
    key: Tensor,
    k_r: Tensor | None,
    value: Tensor | None,
    caches: Caches | None,
    config: int = 0,
) -> None:
    """Turns q, k into q_r, k_r (`queries` is q, q_r), which are contiguous; caches k as it then is, and v."""
    if tokens == 0:
        return
    common, turn = _common(
        tokens, turning, None if caches is None else (caches.slot_mapping, caches.key_cache)
    )
    q: _Fields = _NO_Q
    v: _Fields = _NO_V
    if queries is not None:
        query, q_r = queries
        query, heads, step, head_step = _heads(query, tokens, head_size)
        start, out, width = query.data_ptr(), q_r.data_ptr(), heads * head_size
        places = start, start + 2 * turn, out, out + 2 * turn
        q = (*places, heads, head_size - turn, step, head_step, step, head_step, width, head_size)
    key, heads, step, head_step = _heads(key, tokens, head_size)
    start, out = key.data_ptr(), 0 if k_r is None else k_r.data_ptr()
    cached = 0, 0
    cache_steps: _Fields = (0, 0, 0)
    if caches is not None and value is not None:
        cache = caches.value_cache
        size = cache.shape[3]
        value, v_heads, v_step, v_head_step = _heads(value, tokens, size)
        at = value.data_ptr(), cache.data_ptr(), caches.v_scale.data_ptr()
        v = (*at, v_heads, size, v_step, v_head_step, *cache.stride()[:3])
        cached = caches.key_cache.data_ptr(), caches.k_scale.data_ptr()
        cache_steps = caches.key_cache.stride()[:3]
    width = heads * head_size
    k = (start, out, *cached, heads, head_size - turn, step, head_step, width, head_size, *cache_steps)
    _call(op, common, q, k, v, key, turning, None if caches is None else caches.key_cache, config)


def launch_latent(
    op: str,
    tokens: int,
    turning: Turning | None,
    queries: tuple[Tensor | None, Tensor, Tensor] | None,
    k_pe: Tensor,
    k_r: Tensor | None,
    kv_c: Tensor,
    cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
    config: int = 0,
) -> None:
    """Turns the rotary parts; `queries` is q_nope, q_pe and where both go. Caches kv_c and k_pe as it then is."""
    if tokens == 0:
        return
    common, turn = _common(tokens, turning, (slot_mapping, cache))
    rotary, latent = k_pe.shape[-1], kv_c.shape[-1]
    q: _Fields = _NO_Q
    nope = 0
    if queries is not None:
        q_nope, q_pe, q_r = queries
        q_pe, heads, step, head_step = _heads(q_pe, tokens, rotary)
        start, out, steps = 0, q_r.data_ptr(), (0, 0)
        if q_nope is not None:
            nope = q_nope.shape[-1]
            q_nope, _, nope_step, nope_head_step = _heads(q_nope, tokens, nope)
            start, steps = q_nope.data_ptr(), (nope_step, nope_head_step)
        size = nope + rotary
        q = (q_pe.data_ptr(), start, out + 2 * nope, out, heads, nope)
        q = (*q, step, head_step, *steps, heads * size, size)
    block, page = cache.stride()[:2]
    at, scale = cache.data_ptr(), k_scale.data_ptr()
    # The latent is cut into heads as long as q's, so that no thread waits for one that has a longer head.
    part = latent if nope or latent % rotary else rotary
    kv_c, heads, step, head_step = _heads(kv_c, tokens, part)
    v = (kv_c.data_ptr(), at, scale, heads, part, step, head_step, block, page, part)
    k_pe, _, step, _ = _heads(k_pe, tokens, rotary)
    out = 0 if k_r is None else k_r.data_ptr()
    key_at = at + latent * cache.element_size()
    k = (k_pe.data_ptr(), out, key_at, scale, 1, rotary - turn, step, 0, rotary, 0, block, page, 0)
    _call(op, common, q, k, v, k_pe, turning, cache, config)


def _common(
    tokens: int, turning: Turning | None, cached: tuple[Tensor, Tensor] | None
) -> tuple[_Fields, int]:
    """The fields that all parts share, and how many values of a head are turned. `cached`: slots and a cache."""
    position_at = cos_at = table = turn = step = 0
    if turning is not None:
        table, turn = turning.cos_sin.shape
        position_at, cos_at = turning.positions.data_ptr(), turning.cos_sin.data_ptr()
        step = turning.cos_sin.stride(0)
    if cached is None:
        return (position_at, cos_at, 0, tokens, 0, table, turn, step, 0, 1), turn
    slots, cache = cached
    blocks, block_size = cache.shape[:2]
    slots_at, count = slots.data_ptr(), slots.shape[0]
    return (position_at, cos_at, slots_at, tokens, count, table, turn, step, blocks, block_size), turn


def _heads(x: Tensor, tokens: int, size: int) -> tuple[Tensor, int, int, int]:
    """`x` as tokens of heads of `size` values: a view where there is one. Then the heads, the steps to the next token
    and to the next head."""
    shape = x.shape
    if len(shape) == 2 and shape[0] == tokens and x.stride(1) == 1:
        return x, shape[1] // size, x.stride(0), size
    if len(shape) != 3 or shape[0] != tokens or shape[2] != size:
        x = x.reshape(tokens, x.numel() // (tokens * size), size)
    if x.stride(2) != 1:
        x = x.contiguous()
    return x, x.shape[1], x.stride(0), x.stride(1)


def _call(
    op: str,
    common: _Fields,
    q: _Fields,
    k: _Fields,
    v: _Fields,
    key: Tensor,
    turning: Turning | None,
    cache: Tensor | None,
    config: int,
) -> None:
    device = key.get_device()
    dtype = key.dtype
    flags = (
        turning is not None and turning.cos_sin.dtype == torch.float32,
        turning is not None and turning.neox,
        cache is not None and cache.dtype != dtype,
    )
    last = (DTYPES[dtype], config, device, _stream(device))
    result = library.function("patdsl_rope", device)(FIELDS.pack(*common, *q, *k, *v, *flags, *last))
    if result == 0:
        return
    if result == _OVERLAP:
        raise ValueError(f"{op}: a cache overlaps an input in memory; accepted: tensors apart")
    raise_failure(op, result, key, "these sizes and strides")


def _stream(device: int) -> int:
    """The current stream of a GPU, as the runtime's number for it."""
    return int(stream_getter()(device))
