"""Rotary embedding with the write of a paged cache, and the write alone, in plain torch.

In: new keys and values, caches, slots. Out: new tensors, the caches among them: the arguments stay as they are. The ops
of these names, which write to their caches, are in `kv_cache_in_place.py`; these are what a `ref` names.

A cache has blocks of `block_size` slots; slot s is row s % block_size of block s / block_size. Token i goes to slot
`slot_mapping[i]`, i64; where that is no slot of the cache (-1 by custom), or where slot_mapping, which may be shorter
than the tokens are many, has none, the token is not cached. Two tokens with one slot: either may stay.

The caches have the dtype of the keys and get their values, or are fp8 (or its bytes, uint8) and get
`clamp(x / scale, -m, m)`, an fp32 division, rounded to nearest even; m is the largest fp8 value, 448 or 240, and scale
f32, one element. NaN stays NaN. They may have any strides: the flash layout and the one by heads are the same op.
"""

from __future__ import annotations

import torch
from torch import Tensor

from patdsl.reference import kv_cache_in_place as in_place


def rope_kv_cache(
    positions: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cos_sin: Tensor,
    neox: bool,
    key_cache: Tensor,
    value_cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
    v_scale: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """rope of query and key, then kv_cache_write of the key as rounded and of the value.

    positions, query, key, cos_sin, neox: as in rope, with the head size of the key's cache. The rest as in
    kv_cache_write. Out: (q_r, k_r, key_cache, value_cache).
    """
    caches = _copy(key_cache), _copy(value_cache)
    made = in_place.rope_kv_cache(
        positions, query, key, value, cos_sin, neox, *caches, slot_mapping, k_scale, v_scale
    )
    return *made, *caches


def kv_cache_write(
    key: Tensor,
    value: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
    v_scale: Tensor,
) -> tuple[Tensor, Tensor]:
    """Writes key and value, T, N tokens of G heads, to their caches, [blocks, block_size, G, head size].

    The sizes of a key's and of a value's head may differ. Out: (key_cache, value_cache).
    """
    caches = _copy(key_cache), _copy(value_cache)
    in_place.kv_cache_write(key, value, *caches, slot_mapping, k_scale, v_scale)
    return caches


def mla_rope_kv_cache(
    positions: Tensor,
    q_nope: Tensor,
    q_pe: Tensor,
    k_pe: Tensor,
    kv_c: Tensor,
    cos_sin: Tensor,
    neox: bool,
    kv_cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """mla_rope_pe_kv_cache, with q_nope in front of the turned q_pe.

    q_nope: T[*B, A, Q]. Out: (q T[*B, A, Q + R], k_r, kv_cache).
    """
    cache = _copy(kv_cache)
    made = in_place.mla_rope_kv_cache(
        positions, q_nope, q_pe, k_pe, kv_c, cos_sin, neox, cache, slot_mapping, k_scale
    )
    return *made, cache


def mla_rope_pe_kv_cache(
    positions: Tensor,
    q_pe: Tensor,
    k_pe: Tensor,
    kv_c: Tensor,
    cos_sin: Tensor,
    neox: bool,
    kv_cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """rope of latent attention's rotary parts, then mla_kv_cache_write of kv_c and of the key part as rounded.

    positions: i64[*P], N elements. q_pe: T[*B, A, R], N tokens of A heads. k_pe: T, N rows of R. kv_c: T, N rows of C.
    cos_sin: [L, R]. Out: (q_r like q_pe, k_r like k_pe, kv_cache).
    """
    cache = _copy(kv_cache)
    made = in_place.mla_rope_pe_kv_cache(
        positions, q_pe, k_pe, kv_c, cos_sin, neox, cache, slot_mapping, k_scale
    )
    return *made, cache


def mla_kv_cache_write(
    kv_c: Tensor, k_pe: Tensor, kv_cache: Tensor, slot_mapping: Tensor, k_scale: Tensor
) -> Tensor:
    """Writes kv_c, N rows of C, and k_pe, N rows of R, side by side to kv_cache, [blocks, block_size, C + R]."""
    cache = _copy(kv_cache)
    in_place.mla_kv_cache_write(kv_c, k_pe, cache, slot_mapping, k_scale)
    return cache


def _copy(cache: Tensor) -> Tensor:
    """With the strides of `cache`, and with its gaps, where it is a part of something larger."""
    size = sum((extent - 1) * stride for extent, stride in zip(cache.shape, cache.stride(), strict=True)) + 1
    if cache.numel() == 0:
        return torch.empty_strided(cache.shape, cache.stride(), dtype=cache.dtype, device=cache.device)
    whole = torch.as_strided(cache, (size,), (1,)).clone()
    return torch.as_strided(whole, cache.shape, cache.stride(), 0)
