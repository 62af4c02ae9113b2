"""Rotary position embedding, in plain torch.

In: positions, query, key, a table of cosines and sines. Out: new, contiguous query and key. Writes no cache.
"""

from __future__ import annotations

import torch
from torch import Tensor

from patdsl.reference import results


def rope(
    positions: Tensor, query: Tensor, key: Tensor, head_size: int, cos_sin: Tensor, neox: bool
) -> tuple[Tensor, Tensor]:
    """Rotates the first R values of every head by the angle of its token's position.

    positions: i64[*P], N elements, each a row of `cos_sin`; query, key: T, any shape that is N tokens of whole heads
    of head_size; cos_sin: C[L, R], cosines then sines of R / 2 angles. `neox` pairs value i with i + R / 2, else 2 i
    with 2 i + 1. In fp32, rounded to T once; values past R are copied. Out: (q_r, k_r), shaped as query and key.
    """
    q_r, k_r = results.rope(positions, query, key, head_size, cos_sin, neox)
    angles = cos_sin[positions.reshape(-1)].float()
    return _rotate(query, angles, head_size, neox, q_r), _rotate(key, angles, head_size, neox, k_r)


def mrope(
    positions: Tensor,
    query: Tensor,
    key: Tensor,
    cos_sin: Tensor,
    head_size: int,
    rotary_dim: int,
    t: int,
    h: int,
    w: int,
    interleaved: bool,
    neox: bool,
) -> tuple[Tensor, Tensor]:
    """rope with three positions for a token: time, height and width each turn some of the angles.

    positions: i64[3, N], or i64[N] where the three are equal; cos_sin: C[L, rotary_dim]; t + h + w = rotary_dim / 2.
    The first t angles take the time, the next h the height, the last w the width; `interleaved`: angle i takes the
    height if i mod 3 is 1 and i < 3 h, the width if i mod 3 is 2 and i < 3 w, else the time. Otherwise as rope.
    """
    q_r, k_r = results.mrope(
        positions, query, key, cos_sin, head_size, rotary_dim, t, h, w, interleaved, neox
    )
    axes = positions if positions.dim() == 2 else positions.expand(3, -1)
    angle = torch.arange(rotary_dim // 2, device=positions.device)
    if interleaved:
        height, width = (angle % 3 == 1) & (angle < 3 * h), (angle % 3 == 2) & (angle < 3 * w)
    else:
        height, width = (angle >= t) & (angle < t + h), angle >= t + h
    axis = (height.long() + 2 * width.long()).repeat(2)
    angles = cos_sin[axes[axis].T, torch.arange(rotary_dim, device=positions.device)].float()
    return _rotate(query, angles, head_size, neox, q_r), _rotate(key, angles, head_size, neox, k_r)


def _rotate(x: Tensor, angles: Tensor, head_size: int, neox: bool, out: Tensor) -> Tensor:
    """`x`, some shape of [N, heads, head_size], turned by `angles`, f32[N, R], into `out`."""
    tokens, rotary = angles.shape
    if tokens == 0 or x.numel() % (tokens * head_size) != 0:
        if x.numel() == 0 and tokens == 0:
            return out
        raise ValueError(
            f"rope: {list(x.shape)} does not divide into heads of {head_size} for {tokens} positions"
        )
    heads = x.float().reshape(tokens, -1, head_size)
    cos, sin = angles.unsqueeze(1).chunk(2, -1)
    turned, rest = heads[..., :rotary], heads[..., rotary:]
    if neox:
        a, b = turned.chunk(2, -1)
        pair = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    else:
        a, b = turned[..., ::2], turned[..., 1::2]
        pair = torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
    return out.copy_(torch.cat([pair, rest], -1).reshape(x.shape))
