"""What the ops with a paged cache return, without the values: checked, allocated, not filled.

In: the arguments of an op. Out: uninitialised tensors as `results.py` promises them, or ValueError naming the op, the
argument, what it got and what is accepted. Reads and writes no cache.

A fused op demands here what its parts demand, and no more: a graph whose sizes are symbols, with the conditions of the
parts, takes the fused op without another one. `check_tokens` is what only values need.
"""

from __future__ import annotations

import torch
from torch import Tensor

from patdsl.reference import results
from patdsl.reference.fp8 import fp8_dtype


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
    op = "rope_kv_cache"
    _check_pair(op, key, value, key_cache, value_cache, slot_mapping, k_scale, v_scale)
    head_size = key_cache.shape[3]
    _check_dtype(op, "query", query, key)
    results.check_rotary(op, positions, query, key, head_size, cos_sin)
    return query.new_empty(query.shape), key.new_empty(key.shape)


def kv_cache_write(
    key: Tensor,
    value: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
    v_scale: Tensor,
) -> None:
    _check_pair("kv_cache_write", key, value, key_cache, value_cache, slot_mapping, k_scale, v_scale)


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
    op = "mla_rope_kv_cache"
    _, k_r = _mla_rope(op, positions, q_pe, k_pe, kv_c, cos_sin, neox, kv_cache, slot_mapping, k_scale)
    _check_dtype(op, "q_nope", q_nope, q_pe)
    if q_nope.dim() < 1 or q_nope.shape[:-1] != q_pe.shape[:-1]:
        raise ValueError(
            f"{op}: q_nope has shape {list(q_nope.shape)}; accepted: that of q_pe, {list(q_pe.shape)}, but for the "
            "last dimension"
        )
    return q_pe.new_empty((*q_pe.shape[:-1], q_nope.shape[-1] + q_pe.shape[-1])), k_r


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
    op = "mla_rope_pe_kv_cache"
    return _mla_rope(op, positions, q_pe, k_pe, kv_c, cos_sin, neox, kv_cache, slot_mapping, k_scale)


def mla_kv_cache_write(
    kv_c: Tensor, k_pe: Tensor, kv_cache: Tensor, slot_mapping: Tensor, k_scale: Tensor
) -> None:
    _check_latent("mla_kv_cache_write", kv_c, k_pe, kv_cache, slot_mapping, k_scale)


def check_tokens(op: str, name: str, x: Tensor, size: int, positions: Tensor) -> None:
    """`x` must have `size` values for each position."""
    if x.numel() != positions.numel() * size:
        raise ValueError(
            f"{op}: {name} has shape {list(x.shape)}; accepted: {size} values for each of {positions.numel()} positions"
        )


def _mla_rope(
    op: str,
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
    _check_latent(op, kv_c, k_pe, kv_cache, slot_mapping, k_scale)
    _check_dtype(op, "q_pe", q_pe, k_pe)
    rotary = k_pe.shape[-1]
    for name, x in (("q_pe", q_pe), ("cos_sin", cos_sin)):
        if x.dim() < 2 or x.shape[-1] != rotary:
            raise ValueError(
                f"{op}: {name} has shape {list(x.shape)}; accepted: {rotary} columns, as k_pe has"
            )
    results.check_rotary(op, positions, q_pe, k_pe, rotary, cos_sin)
    return q_pe.new_empty(q_pe.shape), k_pe.new_empty(k_pe.shape)


def _check_pair(
    op: str,
    key: Tensor,
    value: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
    v_scale: Tensor,
) -> None:
    """k, v, their caches [blocks, block_size, heads, size] and scales."""
    for name, cache in (("key_cache", key_cache), ("value_cache", value_cache)):
        if cache.dim() != 4 or cache.shape[1] < 1 or cache.shape[3] < 1:
            raise ValueError(
                f"{op}: {name} has shape {list(cache.shape)}; accepted: [blocks, block_size, heads, head_size]"
            )
        _check_cache_dtype(op, name, cache, key)
    if key_cache.shape[:3] != value_cache.shape[:3] or key_cache.dtype != value_cache.dtype:
        raise ValueError(
            f"{op}: value_cache is {value_cache.dtype}{list(value_cache.shape)}; accepted: the dtype, blocks and "
            f"heads of key_cache, {key_cache.dtype}{list(key_cache.shape)}"
        )
    _check_dtype(op, "value", value, key)
    heads, size = key_cache.shape[2], key_cache.shape[3]
    tokens = key.numel() // max(heads * size, 1)
    _check_size(op, "key", key, tokens, heads * size)
    _check_size(op, "value", value, tokens, heads * value_cache.shape[3])
    _check_slots(op, slot_mapping, tokens, key)
    _check_scale(op, "k_scale", k_scale, key)
    _check_scale(op, "v_scale", v_scale, key)


def _check_latent(
    op: str,
    kv_c: Tensor,
    k_pe: Tensor,
    kv_cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
) -> None:
    """The latent and its rotary part, one row a token, and their cache [blocks, block_size, C + R]."""
    for name, x in (("kv_c", kv_c), ("k_pe", k_pe)):
        if x.dim() < 1 or x.shape[-1] < 1:
            raise ValueError(f"{op}: {name} has shape {list(x.shape)}; accepted: a row for each token")
    _check_dtype(op, "kv_c", kv_c, k_pe)
    width = kv_c.shape[-1] + k_pe.shape[-1]
    if kv_cache.dim() != 3 or kv_cache.shape[1] < 1 or kv_cache.shape[2] != width:
        raise ValueError(
            f"{op}: kv_cache has shape {list(kv_cache.shape)}; accepted: [blocks, block_size, {width}], the columns of "
            "kv_c and of k_pe"
        )
    _check_cache_dtype(op, "kv_cache", kv_cache, k_pe)
    tokens = kv_c.numel() // kv_c.shape[-1]
    _check_size(op, "k_pe", k_pe, tokens, k_pe.shape[-1])
    _check_slots(op, slot_mapping, tokens, k_pe)
    _check_scale(op, "k_scale", k_scale, k_pe)


def _check_size(op: str, name: str, x: Tensor, tokens: int, size: int) -> None:
    if x.dim() < 1 or x.numel() != tokens * size:
        raise ValueError(
            f"{op}: {name} has shape {list(x.shape)}; accepted: {size} values, the heads of its cache, for each of "
            f"{tokens} tokens"
        )


def _check_dtype(op: str, name: str, x: Tensor, key: Tensor) -> None:
    if key.dtype not in results.FLOATS:
        raise ValueError(
            f"{op}: the key is {key.dtype}; accepted: {', '.join(str(known) for known in results.FLOATS)}"
        )
    if x.dtype != key.dtype:
        raise ValueError(f"{op}: {name} is {x.dtype}; accepted: {key.dtype}, that of the key")
    _check_device(op, name, x, key)


def _check_cache_dtype(op: str, name: str, cache: Tensor, key: Tensor) -> None:
    if cache.dtype not in (key.dtype, fp8_dtype(), torch.uint8):
        raise ValueError(
            f"{op}: {name} is {cache.dtype}; accepted: {key.dtype}, that of the key, {fp8_dtype()}, or its bytes as "
            "torch.uint8"
        )
    _check_device(op, name, cache, key)


def _check_slots(op: str, slot_mapping: Tensor, tokens: int, key: Tensor) -> None:
    if slot_mapping.dtype != torch.int64 or slot_mapping.dim() != 1 or slot_mapping.shape[0] > tokens:
        raise ValueError(
            f"{op}: slot_mapping is {slot_mapping.dtype}{list(slot_mapping.shape)}; accepted: torch.int64, one for "
            f"each of the first of {tokens} tokens"
        )
    _check_device(op, "slot_mapping", slot_mapping, key)


def _check_scale(op: str, name: str, scale: Tensor, key: Tensor) -> None:
    if scale.dtype != torch.float32 or scale.numel() != 1:
        raise ValueError(
            f"{op}: {name} is {scale.dtype}{list(scale.shape)}; accepted: one element of torch.float32"
        )
    _check_device(op, name, scale, key)


def _check_device(op: str, name: str, other: Tensor, key: Tensor) -> None:
    if other.device != key.device:
        raise ValueError(f"{op}: {name} is on {other.device}, the key on {key.device}; accepted: one device")
