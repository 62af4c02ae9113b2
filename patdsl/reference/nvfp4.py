"""Quantisation to 4-bit floats (e2m1) with one e4m3 scale for 16 values, in plain torch.

In: values, a global scale. Out: packed codes and the scales, in rows or in the tiles that tensor cores read.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from patdsl.reference import results

GROUP = 16
# An e2m1 code from 0 to 7 stands for 0, 0.5, 1, 1.5, 2, 3, 4, 6. Halfway cases go to the even code, so they are
# above the lower neighbour's reach (>) and within the upper one's (>=) in turn.
_ABOVE = (0.25, 1.25, 2.5, 5.0)
_FROM = (0.75, 1.75, 3.5)
_TOP = 7
_TILE_ROWS, _TILE_SCALES = 128, 4


def nvfp4_quant(x: Tensor, global_scale: Tensor, swizzled: bool) -> tuple[Tensor, Tensor]:
    """e2m1 values with one e4m3fn scale for 16 neighbours in a row.

    x: T[M, H], H a multiple of 16; global_scale: f32, one element. In fp32, with exact reciprocals (hardware uses
    approximate ones): `s = e4m3(min(global_scale * (amax * (1 / 6)), 448))`, `code = e2m1(clamp(x / (s / global_scale),
    -6, 6))` to nearest even, 0 where s is 0. e2m1 has no NaN: a NaN gets code 7 (6.0); its scale is NaN.

    Out: q u8[M, H / 2], the earlier value in the low half; the scales' bytes as u8[M, H / 16], or, `swizzled`, as
    i32[M up to 128, ceil(H / 64)]: tiles of 128 rows by 4 scales, in a tile rows 32 apart adjacent, padding zero.
    """
    q, scale = results.nvfp4_quant(x, global_scale, swizzled)
    rows, groups = x.shape[0], x.shape[1] // GROUP
    values = x.float().reshape(rows, groups, GROUP)
    total = global_scale.reshape(())
    sixth = torch.full((), 6.0, device=x.device).reciprocal()
    wanted = (total * (values.abs().amax(-1) * sixth)).clamp(max=448.0)
    stored = wanted.to(torch.float8_e4m3fn)
    divisor = stored.float() * total.reciprocal()
    factor = torch.where(stored.float() == 0, 0.0, divisor.reciprocal())
    codes = _e2m1(values * factor.unsqueeze(-1)).reshape(rows, groups * GROUP)
    q.copy_(codes[:, ::2] | (codes[:, 1::2] << 4))
    packed = stored.view(torch.uint8)
    return q, scale.copy_(_swizzle(packed) if swizzled else packed)


def _e2m1(values: Tensor) -> Tensor:
    """The 4-bit codes of fp32 values, u8: the sign in bit 3."""
    magnitude = values.abs()
    code = torch.zeros_like(values, dtype=torch.uint8)
    for bound in _ABOVE:
        code += magnitude > bound
    for bound in _FROM:
        code += magnitude >= bound
    sign = values.signbit().to(torch.uint8) << 3
    return torch.where(values.isnan(), _TOP, code | sign).to(torch.uint8)


def _swizzle(scales: Tensor) -> Tensor:
    """u8[M, G] to i32[M up to 128, ceil(G / 4)]: the tiles one after the other, along a row of tiles first."""
    rows, groups = scales.shape
    row_tiles, tiles = -(-rows // _TILE_ROWS), -(-groups // _TILE_SCALES)
    padded = functional.pad(scales, (0, tiles * _TILE_SCALES - groups, 0, row_tiles * _TILE_ROWS - rows))
    tiled = padded.reshape(row_tiles, 4, 32, tiles, _TILE_SCALES).permute(0, 3, 2, 1, 4)
    return tiled.contiguous().view(torch.int32).reshape(row_tiles * _TILE_ROWS, tiles)
