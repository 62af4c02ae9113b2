"""Rotary embedding and the write of a paged cache: the ops on GPUs.

In: tensors on one GPU. Out: new tensors, and caches written to, by one launch on the current stream of that GPU. The
meaning is that of `patdsl/reference`, but that a position outside the table makes NaN of what it should turn, where the
reference raises. q, k and v may be strided, such as slices of one projection.
"""

from __future__ import annotations

from torch import Tensor

from patdsl.kernels import rope_checks
from patdsl.kernels.rope_call import Caches, Turning, launch_latent, launch_pair


def rope(
    positions: Tensor, query: Tensor, key: Tensor, head_size: int, cos_sin: Tensor, neox: bool
) -> tuple[Tensor, Tensor]:
    """Out: (q_r, k_r), shaped as query and key."""
    turning = _turning(positions, cos_sin, neox)
    rope_checks.rope(turning, query, key, head_size)
    q_r, k_r = query.new_empty(query.shape), key.new_empty(key.shape)
    launch_pair("rope", positions.numel(), head_size, turning, (query, q_r), key, k_r, None, None)
    return q_r, k_r


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
) -> tuple[Tensor, Tensor]:
    """Writes the caches. Out: (q_r, k_r), shaped as query and key."""
    turning = _turning(positions, cos_sin, neox)
    caches = Caches(key_cache, value_cache, slot_mapping.contiguous(), k_scale, v_scale)
    rope_checks.rope_kv_cache(turning, query, key, value, caches)
    q_r, k_r = query.new_empty(query.shape), key.new_empty(key.shape)
    tokens, size = positions.numel(), key_cache.shape[3]
    launch_pair("rope_kv_cache", tokens, size, turning, (query, q_r), key, k_r, value, caches)
    return q_r, k_r


def kv_cache_write(
    key: Tensor,
    value: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
    v_scale: Tensor,
) -> None:
    """Writes the caches."""
    caches = Caches(key_cache, value_cache, slot_mapping.contiguous(), k_scale, v_scale)
    rope_checks.kv_cache_write(key, value, caches)
    heads, size = key_cache.shape[2:]
    tokens = key.numel() // max(heads * size, 1)
    launch_pair("kv_cache_write", tokens, size, None, None, key, None, value, caches)


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
) -> tuple[Tensor, Tensor]:
    """Writes the cache. Out: q, which is q_nope and the turned q_pe, and k_r, shaped as k_pe."""
    op = "mla_rope_kv_cache"
    turning = _turning(positions, cos_sin, neox)
    slots = slot_mapping.contiguous()
    rope_checks.mla_rope(op, turning, q_nope, q_pe, k_pe, kv_c, kv_cache, slots, k_scale)
    q = q_pe.new_empty((*q_pe.shape[:-1], q_nope.shape[-1] + q_pe.shape[-1]))
    k_r = k_pe.new_empty(k_pe.shape)
    queries = (q_nope, q_pe, q)
    launch_latent(op, positions.numel(), turning, queries, k_pe, k_r, kv_c, kv_cache, slots, k_scale)
    return q, k_r


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
) -> tuple[Tensor, Tensor]:
    """Writes the cache. Out: (q_r, k_r), shaped as q_pe and k_pe."""
    op = "mla_rope_pe_kv_cache"
    turning = _turning(positions, cos_sin, neox)
    slots = slot_mapping.contiguous()
    rope_checks.mla_rope(op, turning, None, q_pe, k_pe, kv_c, kv_cache, slots, k_scale)
    q_r, k_r = q_pe.new_empty(q_pe.shape), k_pe.new_empty(k_pe.shape)
    queries = (None, q_pe, q_r)
    launch_latent(op, positions.numel(), turning, queries, k_pe, k_r, kv_c, kv_cache, slots, k_scale)
    return q_r, k_r


def mla_kv_cache_write(
    kv_c: Tensor, k_pe: Tensor, kv_cache: Tensor, slot_mapping: Tensor, k_scale: Tensor
) -> None:
    """Writes the cache."""
    slots = slot_mapping.contiguous()
    rope_checks.mla_kv_cache_write(kv_c, k_pe, kv_cache, slots, k_scale)
    tokens = k_pe.numel() // max(k_pe.shape[-1], 1)
    launch_latent("mla_kv_cache_write", tokens, None, None, k_pe, None, kv_c, kv_cache, slots, k_scale)


def _turning(positions: Tensor, cos_sin: Tensor, neox: bool) -> Turning:
    """Positions side by side, and a table whose rows are."""
    if cos_sin.dim() > 0 and cos_sin.stride(-1) != 1:
        cos_sin = cos_sin.contiguous()
    return Turning(positions.contiguous(), cos_sin, neox)
