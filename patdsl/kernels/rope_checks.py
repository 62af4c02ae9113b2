"""What the rotary and cache kernels take.

In: the arguments of an op. Out: nothing, or ValueError naming the op, the argument, what it got and what is accepted.
Where all is well that is one condition; where it fails, the reference says what no implementation takes, and `_refuse`
what the kernels alone do not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from patdsl.kernels import library
from patdsl.kernels.arguments import DTYPES
from patdsl.kernels.rope_call import Caches, Turning

MAX_HEAD = 2048
MAX_SLOTS = 2**31 - 1
_formats: dict[int, torch.dtype] = {}


def rope(turning: Turning, query: Tensor, key: Tensor, head_size: int) -> None:
    if _turns(turning, query, key, head_size):
        return
    _reference().results.rope(turning.positions, query, key, head_size, turning.cos_sin, turning.neox)
    _check_whole("rope", turning.positions.numel(), head_size, query=query, key=key)
    _refuse("rope", key, {"query": query}, turning, head_size)


def rope_kv_cache(turning: Turning, query: Tensor, key: Tensor, value: Tensor, caches: Caches) -> None:
    size = _head_size(caches.key_cache)
    if _cached(key, value, caches, turning.positions.numel()) and _turns(turning, query, key, size):
        return
    positions, cos_sin, neox = turning
    _reference().rope_kv_cache(positions, query, key, value, cos_sin, neox, *caches)
    width = caches.key_cache.shape[2] * size
    _reference().check_tokens("rope_kv_cache", "key", key, width, positions)
    _check_whole("rope_kv_cache", positions.numel(), size, query=query)
    _refuse("rope_kv_cache", key, {"query": query}, turning, size, _named(caches))


def kv_cache_write(key: Tensor, value: Tensor, caches: Caches) -> None:
    size = _head_size(caches.key_cache)
    heads = caches.key_cache.shape[2] if size else 0
    if _cached(key, value, caches, key.numel() // max(heads * size, 1)):
        return
    _reference().kv_cache_write(key, value, *caches)
    _refuse("kv_cache_write", key, {}, None, size, _named(caches))


def mla_rope(
    op: str,
    turning: Turning,
    q_nope: Tensor | None,
    q_pe: Tensor,
    k_pe: Tensor,
    kv_c: Tensor,
    cache: Tensor,
    slot_mapping: Tensor,
    k_scale: Tensor,
) -> None:
    rotary = k_pe.shape[-1] if k_pe.dim() else 0
    if (
        _latent(kv_c, k_pe, cache, slot_mapping, k_scale, turning.positions.numel())
        and _turns(turning, q_pe, k_pe, rotary)
        and turning.cos_sin.shape[1] == q_pe.shape[-1] == rotary
        and (
            q_nope is None
            or (
                q_nope.dtype == q_pe.dtype
                and q_nope.shape[:-1] == q_pe.shape[:-1]
                and q_nope.get_device() == q_pe.get_device()
                and 1 <= q_nope.shape[-1] <= MAX_HEAD - rotary
            )
        )
    ):
        return
    positions, cos_sin, neox = turning
    last = (q_pe, k_pe, kv_c, cos_sin, neox, cache, slot_mapping, k_scale)
    queries = {"q_pe": q_pe}
    width = max(rotary, kv_c.shape[-1])
    if q_nope is None:
        _reference().mla_rope_pe_kv_cache(positions, *last)
    else:
        _reference().mla_rope_kv_cache(positions, q_nope, *last)
        queries["q_nope"] = q_nope
        width = max(width, q_nope.shape[-1] + rotary)
    _reference().check_tokens(op, "k_pe", k_pe, rotary, positions)
    _check_whole(op, positions.numel(), rotary, q_pe=q_pe)
    _refuse(op, k_pe, queries, turning, width, {"kv_cache": cache})


def mla_kv_cache_write(
    kv_c: Tensor, k_pe: Tensor, cache: Tensor, slot_mapping: Tensor, k_scale: Tensor
) -> None:
    tokens = kv_c.numel() // max(kv_c.shape[-1], 1) if kv_c.dim() else 0
    if _latent(kv_c, k_pe, cache, slot_mapping, k_scale, tokens):
        return
    _reference().mla_kv_cache_write(kv_c, k_pe, cache, slot_mapping, k_scale)
    width = max(kv_c.shape[-1], k_pe.shape[-1])
    _refuse("mla_kv_cache_write", k_pe, {}, None, width, {"kv_cache": cache})


def _reference() -> Any:
    """The checks of `patdsl.reference`, whose import registers these ops and so must not be one of this module's."""
    from patdsl.reference import kv_cache_results

    return kv_cache_results


def _turns(turning: Turning, query: Tensor, key: Tensor, head_size: int) -> bool:
    positions, cos_sin, _ = turning
    dtype, device, tokens = key.dtype, key.get_device(), positions.numel()
    table = cos_sin.shape
    return (
        dtype in DTYPES
        and query.dtype == dtype
        and positions.dtype == torch.int64
        and len(table) == 2
        and (cos_sin.dtype == dtype or cos_sin.dtype == torch.float32)
        and 2 <= table[1] <= head_size <= MAX_HEAD
        and table[1] % 2 == 0
        and table[0] >= 1
        and query.get_device() == positions.get_device() == cos_sin.get_device() == device
        and _whole(query, tokens, head_size)
        and _whole(key, tokens, head_size)
    )


def _cached(key: Tensor, value: Tensor, caches: Caches, tokens: int) -> bool:
    keys, values, slots, k_scale, v_scale = caches
    shape, dtype, device = keys.shape, key.dtype, key.get_device()
    if len(shape) != 4 or values.dim() != 4:
        return False
    blocks, block_size, heads, size = shape
    v_size = values.shape[3]
    return (
        dtype in DTYPES
        and value.dtype == dtype
        and shape[:3] == values.shape[:3]
        and block_size >= 1
        and blocks * block_size <= MAX_SLOTS
        and 1 <= size <= MAX_HEAD
        and 1 <= v_size <= MAX_HEAD
        and keys.stride(3) == 1
        and values.stride(3) == 1
        and keys.dtype == values.dtype
        and _takes(keys.dtype, dtype, device)
        and key.numel() == tokens * heads * size
        and value.numel() == tokens * heads * v_size
        and _slots_fit(slots, tokens, device)
        and _is_scale(k_scale, device)
        and _is_scale(v_scale, device)
        and value.get_device() == keys.get_device() == values.get_device() == device
    )


def _latent(kv_c: Tensor, k_pe: Tensor, cache: Tensor, slots: Tensor, k_scale: Tensor, tokens: int) -> bool:
    if kv_c.dim() == 0 or k_pe.dim() == 0:
        return False
    shape, dtype, device = cache.shape, k_pe.dtype, k_pe.get_device()
    latent, rotary = kv_c.shape[-1], k_pe.shape[-1]
    return (
        len(shape) == 3
        and dtype in DTYPES
        and kv_c.dtype == dtype
        and shape[1] >= 1
        and shape[0] * shape[1] <= MAX_SLOTS
        and shape[2] == latent + rotary
        and 1 <= latent <= MAX_HEAD
        and 1 <= rotary <= MAX_HEAD
        and cache.stride(2) == 1
        and _takes(cache.dtype, dtype, device)
        and kv_c.numel() == tokens * latent
        and k_pe.numel() == tokens * rotary
        and _slots_fit(slots, tokens, device)
        and _is_scale(k_scale, device)
        and kv_c.get_device() == cache.get_device() == device
    )


def _head_size(cache: Tensor) -> int:
    """0 for what is no cache of heads."""
    return cache.shape[3] if cache.dim() == 4 else 0


def _whole(x: Tensor, tokens: int, head_size: int) -> bool:
    """Whether `x` is whole heads for each of `tokens` tokens, heads in its last dimension."""
    shape = x.shape
    if not shape or shape[-1] % head_size:
        return False
    return x.numel() % (tokens * head_size) == 0 if tokens else x.numel() == 0


def _check_whole(op: str, tokens: int, head_size: int, **given: Tensor) -> None:
    for name, x in given.items():
        if not _whole(x, tokens, head_size):
            raise ValueError(
                f"{op}: {name} has shape {list(x.shape)}; accepted: whole heads of {head_size} for each of {tokens} "
                "positions"
            )


def _takes(cache: torch.dtype, dtype: torch.dtype, device: int) -> bool:
    return cache == dtype or cache == torch.uint8 or cache == _format(device)


def _slots_fit(slots: Tensor, tokens: int, device: int) -> bool:
    shape = slots.shape
    return (
        slots.dtype == torch.int64 and len(shape) == 1 and shape[0] <= tokens and slots.get_device() == device
    )


def _is_scale(scale: Tensor, device: int) -> bool:
    return scale.dtype == torch.float32 and scale.numel() == 1 and scale.get_device() == device


def _format(device: int) -> torch.dtype:
    found = _formats.get(device)
    if found is None:
        found = _formats[device] = library.fp8_dtype(library.device_arch(device))
    return found


def _named(caches: Caches) -> dict[str, Tensor]:
    return {"key_cache": caches.key_cache, "value_cache": caches.value_cache}


def _refuse(
    op: str,
    key: Tensor,
    queries: dict[str, Tensor],
    turning: Turning | None,
    head_size: int,
    caches: dict[str, Tensor] | None = None,
) -> None:
    """Raises for what the reference takes and the kernels do not."""
    if key.dtype not in DTYPES:
        raise ValueError(f"{op}: the key is {key.dtype}; accepted: {', '.join(map(str, DTYPES))}")
    for name, query in queries.items():
        if query.dtype != key.dtype:
            raise ValueError(f"{op}: {name} is {query.dtype}; accepted: {key.dtype}, that of the key")
    for name, cache in (caches or {}).items():
        if cache.stride(-1) != 1:
            raise ValueError(
                f"{op}: {name} has strides {cache.stride()}; accepted: the values of a head side by side"
            )
        if cache.shape[0] * cache.shape[1] > MAX_SLOTS:
            raise ValueError(
                f"{op}: {name} has {cache.shape[0] * cache.shape[1]} slots; accepted: {MAX_SLOTS} at most"
            )
        if not _takes(cache.dtype, key.dtype, key.get_device()):
            raise ValueError(
                f"{op}: {name} is {cache.dtype}; accepted: {key.dtype}, {_format(key.get_device())}, torch.uint8"
            )
        head_size = max(head_size, cache.shape[-1] if cache.dim() == 4 else 0)
    if head_size > MAX_HEAD:
        raise ValueError(f"{op}: a head has {head_size} values; accepted: {MAX_HEAD} at most")
    if turning is not None:
        cos_sin = turning.cos_sin
        if cos_sin.dtype not in (key.dtype, torch.float32):
            raise ValueError(f"{op}: cos_sin is {cos_sin.dtype}; accepted: {key.dtype} or torch.float32")
        if cos_sin.shape[0] < 1:
            raise ValueError(f"{op}: cos_sin has no rows; accepted: one for each position")
    raise ValueError(f"{op}: no kernel takes these arguments")
