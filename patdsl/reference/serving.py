"""A model of what a serving engine keeps with its layers: caches that no argument carries, and attention over them.

In: tensors, and the name of a layer. Out: new tensors; `dep` is empty and orders whoever reads the cache. Modelled is
what a rewrite has to preserve: the values that reach a layer's cache, in their order, and that attention depends on all
that it reads. It is no engine: a cache holds what was written last, attention sees every token, and sizes need not go
together (of two that should be equal, what only one has is left out). Not registered as torch operators.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from patdsl.reference import unfused
from patdsl.reference.fused import Fused

Written = list[tuple[str, tuple[Tensor, ...]]]
_written: ContextVar[Written | None] = ContextVar("written", default=None)


@contextmanager
def keeping() -> Iterator[Written]:
    """Within the block caches are kept, empty at first: the layer and the values of each write, in order."""
    written: Written = []
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


# What writes


def kv_cache_update(key: Tensor, value: Tensor, layer: str) -> Tensor:
    """Writes key, T[N, G, D], and value, T[N, G, V], to the layer's cache. Out: dep T[0]."""
    return _write(layer, key, value)


def mla_kv_cache_update(kv_c: Tensor, k_pe: Tensor, layer: str, kv_dtype: str, k_scale: Tensor) -> Tensor:
    """Writes the latent kv_c, T[N, C], and k_pe, T[N, 1, R], as kv_dtype over k_scale. Out: dep T[0]."""
    return _write(layer, kv_c, k_pe, k_scale)


def rope_kv_cache_update(
    query: Tensor, key: Tensor, value: Tensor, positions: Tensor, cos_sin: Tensor, neox: bool, layer: str
) -> tuple[Tensor, Tensor, Tensor]:
    """rope of query, T[N, A, D], and key, T[N, G, D], then kv_cache_update. Out: dep, q_r, k_r."""
    q_r, k_r = unfused.rope(positions, query, key, query.shape[-1], cos_sin, neox)
    return kv_cache_update(k_r, value, layer), q_r, k_r


def mla_rope_kv_cache_update(
    positions: Tensor,
    q_pe: Tensor,
    k_pe: Tensor,
    kv_c: Tensor,
    cos_sin: Tensor,
    neox: bool,
    kv_dtype: str,
    k_scale: Tensor,
    layer: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """rope of q_pe, T[N, A, R], and k_pe, T[N, R], then mla_kv_cache_update. Out: dep, q_r, k_r."""
    q_r, k_r = unfused.rope(positions, q_pe, k_pe, k_pe.shape[-1], cos_sin, neox)
    return mla_kv_cache_update(kv_c, k_r.unsqueeze(1), layer, kv_dtype, k_scale), q_r, k_r


def qk_norm_rope_kv_cache_update(
    heads: int,
    kv_heads: int,
    qkv: Tensor,
    positions: Tensor,
    q_weight: Tensor,
    k_weight: Tensor,
    epsilon: float,
    cos_sin: Tensor,
    neox: bool,
    layer: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """qk_norm_rope of `fused.py`, then kv_cache_update. Out: dep, q_h T[N, heads, D], k_h T[N, kv_heads, D]."""
    size = q_weight.shape[0]
    turned = Fused(unfused).qk_norm_rope(
        qkv, heads, kv_heads, kv_heads, size, epsilon, q_weight, k_weight, cos_sin, neox, positions
    )
    q_h, k_h, v = (each.contiguous() for each in _split(turned, heads, kv_heads, kv_heads, size))
    return kv_cache_update(k_h, v, layer), q_h, k_h


def qk_norm_mrope_kv_cache_update(
    heads: int,
    qkv: Tensor,
    positions: Tensor,
    q_weight: Tensor,
    k_weight: Tensor,
    epsilon: float,
    cos_sin: Tensor,
    neox: bool,
    t: int,
    h: int,
    w: int,
    interleaved: bool,
    rotary_dim: int,
    layer: str,
) -> tuple[Tensor, Tensor]:
    """rms_norm of each head of q and k, their mrope, then kv_cache_update. Out: dep, q_h T[N, heads, D]."""
    size = q_weight.shape[0]
    kv_heads = (qkv.shape[-1] // size - heads) // 2
    q, k, v = _split(qkv, heads, kv_heads, kv_heads, size)
    q_n, k_n = unfused.rms_norm(q, q_weight, epsilon), unfused.rms_norm(k, k_weight, epsilon)
    q_h, k_h = unfused.mrope(positions, q_n, k_n, cos_sin, size, rotary_dim, t, h, w, interleaved, neox)
    return kv_cache_update(k_h, v.contiguous(), layer), q_h


# What reads


def attention(query: Tensor, key: Tensor, value: Tensor, layer: str, dep: Tensor | None = None) -> Tensor:
    """softmax(query @ key.T) @ value, of what the layer's cache holds, or else of the arguments.

    query: Q[N, A, D], key: T[K, G, D], value: T[L, G, V]; of A heads the i-th reads i mod G. Out: T[N, A, V].
    """
    key, value = _read(layer, (key, value))
    if not key.shape[1]:
        return value.new_zeros(*query.shape[:2], value.shape[-1])
    head = torch.arange(query.shape[1], device=query.device) % key.shape[1]
    tokens = min(key.shape[0], value.shape[0])
    keys, values = key[:tokens, head].to(value.dtype), value[:tokens, head]
    return _attend(query.to(value.dtype), keys, values)


def attention_static_quant(
    query: Tensor, key: Tensor, value: Tensor, layer: str, scale: Tensor, dep: Tensor | None = None
) -> Tensor:
    """static_quant(attention, scale). Out: q fp8[N, A, V]."""
    return unfused.static_quant(attention(query, key, value, layer, dep), scale)


def attention_nvfp4_quant(
    query: Tensor, key: Tensor, value: Tensor, layer: str, global_scale: Tensor, dep: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """nvfp4_quant of attention, a row a token, swizzled. Out: q u8[N, A, V / 2], scale i32."""
    o = attention(query, key, value, layer, dep)
    q, scale = unfused.nvfp4_quant(o.flatten(1), global_scale, True)
    return q.view(*o.shape[:2], -1), scale


def mla_attention(query: Tensor, kv_c: Tensor, k_pe: Tensor, layer: str, dep: Tensor | None = None) -> Tensor:
    """Attention whose keys are the latent kv_c, T[K, C], beside k_pe, T[L, 1, R], and whose values are kv_c.

    query: Q[N, A, D]. Out: T[N, A * C].
    """
    kv_c, k_pe = _read(layer, (kv_c, k_pe))
    tokens = min(kv_c.shape[0], k_pe.shape[0])
    values = kv_c[:tokens].unsqueeze(1).expand(-1, query.shape[1], -1)
    keys = torch.cat([values, k_pe[:tokens].expand(-1, query.shape[1], -1)], -1)
    return _attend(query.to(kv_c.dtype), keys, values).flatten(1)


def mla_attention_static_quant(
    query: Tensor,
    kv_c: Tensor,
    k_pe: Tensor,
    layer: str,
    scale: Tensor,
    width: int,
    dep: Tensor | None = None,
) -> Tensor:
    """static_quant(mla_attention, scale). Out: q fp8[N, width]."""
    return unfused.static_quant(_of_width(mla_attention(query, kv_c, k_pe, layer, dep), width), scale)


def mla_attention_nvfp4_quant(
    query: Tensor,
    kv_c: Tensor,
    k_pe: Tensor,
    layer: str,
    global_scale: Tensor,
    width: int,
    dep: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """nvfp4_quant(mla_attention), swizzled. Out: q u8[N, width / 2], scale i32."""
    o = _of_width(mla_attention(query, kv_c, k_pe, layer, dep), width)
    return unfused.nvfp4_quant(o, global_scale, True)


def mla_attention_group_quant(
    query: Tensor,
    kv_c: Tensor,
    k_pe: Tensor,
    layer: str,
    group_size: int,
    width: int,
    col_major: bool,
    ue8m0: bool,
    tma_aligned: bool,
    dep: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """group_quant(mla_attention). Out: q fp8[N, width], scale f32[N, width / group_size]."""
    o = _of_width(mla_attention(query, kv_c, k_pe, layer, dep), width)
    return unfused.group_quant(o, group_size, col_major, ue8m0, tma_aligned)


def _write(layer: str, *values: Tensor) -> Tensor:
    written = _written.get()
    if written is not None:
        written.append((layer, tuple(each.clone() for each in values)))
    return values[0].new_empty(0)


def _read(layer: str, given: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """What was written last to the layer's cache; `given` where nothing was."""
    held = [values for name, values in _written.get() or () if name == layer]
    return (held[-1][0], held[-1][1]) if held else given


def _attend(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """query: T[N, A, D], keys: T[K, A, E], values: T[K, A, V], in fp32 over the first min(D, E). Out: T[N, A, V]."""
    size = min(query.shape[-1], keys.shape[-1])
    scores = torch.einsum("nad,kad->nak", query[..., :size].float(), keys[..., :size].float())
    weights = torch.softmax(scores / max(size, 1) ** 0.5, -1)
    return torch.einsum("nak,kav->nav", weights, values.float()).to(values.dtype)


def _split(qkv: Tensor, heads: int, kv_heads: int, v_heads: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    whole = qkv.reshape(qkv.shape[0], heads + kv_heads + v_heads, size)
    q, k, v = torch.split(whole, [heads, kv_heads, v_heads], 1)
    return q, k, v


def _of_width(o: Tensor, width: int) -> Tensor:
    if o.shape[-1] != width:
        raise ValueError(f"mla_attention: the width is {width}, but attention makes {o.shape[-1]}")
    return o
