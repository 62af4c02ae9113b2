"""The ops that write a paged cache, in plain torch: what `torch.ops.patdsl.*` runs where there is no kernel.

In: new keys and values, the caches to be written, the slots they go to. Out: what the op returns besides. The meaning
is in the docstrings of `kv_cache.py`, whose functions leave their caches alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from patdsl.reference import kv_cache_results as results
from patdsl.reference import rotary
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
    caches = (key_cache, value_cache, slot_mapping, k_scale, v_scale)
    results.rope_kv_cache(positions, query, key, value, cos_sin, neox, *caches)
    results.check_tokens("rope_kv_cache", "key", key, key_cache.shape[2] * key_cache.shape[3], positions)
    q_r, k_r = rotary.rope(positions, query, key, key_cache.shape[3], cos_sin, neox)
    kv_cache_write(k_r, value, *caches)
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
    results.kv_cache_write(key, value, key_cache, value_cache, slot_mapping, k_scale, v_scale)
    _write(key_cache, key.reshape(-1, *key_cache.shape[2:]), slot_mapping, k_scale)
    _write(value_cache, value.reshape(-1, *value_cache.shape[2:]), slot_mapping, v_scale)


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
    last = (cos_sin, neox, kv_cache, slot_mapping, k_scale)
    results.mla_rope_kv_cache(positions, q_nope, q_pe, k_pe, kv_c, *last)
    q_r, k_r = mla_rope_pe_kv_cache(positions, q_pe, k_pe, kv_c, *last)
    return torch.cat([q_nope, q_r], -1), k_r


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
    results.mla_rope_pe_kv_cache(positions, q_pe, k_pe, kv_c, cos_sin, neox, kv_cache, slot_mapping, k_scale)
    results.check_tokens("mla_rope_pe_kv_cache", "k_pe", k_pe, k_pe.shape[-1], positions)
    q_r, k_r = rotary.rope(positions, q_pe, k_pe, k_pe.shape[-1], cos_sin, neox)
    mla_kv_cache_write(kv_c, k_r, kv_cache, slot_mapping, k_scale)
    return q_r, k_r


def mla_kv_cache_write(
    kv_c: Tensor, k_pe: Tensor, kv_cache: Tensor, slot_mapping: Tensor, k_scale: Tensor
) -> None:
    results.mla_kv_cache_write(kv_c, k_pe, kv_cache, slot_mapping, k_scale)
    rows = [x.reshape(-1, x.shape[-1]) for x in (kv_c, k_pe)]
    _write(kv_cache, torch.cat(rows, -1), slot_mapping, k_scale)


def _write(cache: Tensor, rows: Tensor, slots: Tensor, scale: Tensor) -> None:
    """`rows`, T[N, ...], to `cache`, [blocks, block_size, ...], as its dtype has them; slots outside it are skipped."""
    blocks, block_size = cache.shape[:2]
    inside = (slots >= 0) & (slots < blocks * block_size)
    places, rows = slots[inside], rows[: slots.shape[0]][inside]
    if cache.dtype != rows.dtype:
        fp8 = fp8_dtype()
        most = torch.finfo(fp8).max
        rows = (rows.float() / scale.reshape(())).clamp(-most, most).to(fp8).view(torch.uint8)
        cache = cache.view(torch.uint8)
    cache[places // block_size, places % block_size] = rows
