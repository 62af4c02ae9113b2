"""The same results as a model would write them, in plain torch: what Inductor compiles.

In: matrices. Out: tuples of results. Rounds as the fused kernels do. bf16 and e4m3fn.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-6
GROUP = 128
MX_GROUP = 32
LIMIT = 448.0
PAD = 256
Results = tuple[Tensor, ...]


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return _normalised(x.float(), weight)


def add_rms_norm(x: Tensor, residual: Tensor, weight: Tensor) -> Results:
    total = x.float() + residual.float()
    return _normalised(total, weight), total.to(x.dtype)


def gated_rms_norm(x: Tensor, gate: Tensor, weight: Tensor) -> Tensor:
    wide = x.float()
    factor = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + EPSILON)
    return (wide * factor * weight.float() * functional.silu(gate.float())).to(x.dtype)


def silu_and_mul(x: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return functional.silu(a) * b


def gelu_and_mul(x: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return functional.gelu(a) * b


def static_quant(y: Tensor, scale: Tensor) -> Results:
    return ((y.float() * scale.reciprocal()).clamp(-LIMIT, LIMIT).to(torch.float8_e4m3fn),)


def token_quant(y: Tensor, scale: Tensor | None = None) -> Results:
    wide = y.float()
    found = (wide.abs().amax(-1, keepdim=True) / LIMIT).clamp(min=1.0 / (LIMIT * 512.0))
    return (wide / found).clamp(-LIMIT, LIMIT).to(torch.float8_e4m3fn), found


def group_quant(y: Tensor, scale: Tensor | None = None) -> Results:
    groups = y.view(y.shape[0], -1, GROUP).float()
    found = groups.abs().amax(-1).clamp(min=1e-10) / LIMIT
    q = (groups / found.unsqueeze(-1)).clamp(-LIMIT, LIMIT).to(torch.float8_e4m3fn)
    return q.view(y.shape), found


def mx_quant(y: Tensor, scale: Tensor | None = None) -> Results:
    """The scale of 32 is the least power of two that they fit 448 times of; its exponent + 127, a byte."""
    groups = y.view(y.shape[0], -1, MX_GROUP).float()
    bits = groups.abs().amax(-1).view(torch.int32)
    exponent = (((bits + 0x1FFFFF) >> 23) - 8).clamp(min=0)
    inverse = ((254 - exponent) << 23).view(torch.float32)
    q = (groups * inverse.unsqueeze(-1)).to(torch.float8_e4m3fn)
    return q.view(y.shape), exponent.to(torch.uint8)


def rotate(x: Tensor, angles: Tensor, neox: bool) -> Tensor:
    """x: bf16[tokens, heads, size], all of it turned; angles: [tokens, size], cosines then sines."""
    cos, sin = angles.float().unsqueeze(1).chunk(2, -1)
    wide = x.float()
    if neox:
        a, b = wide.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)
    a, b = wide[..., ::2], wide[..., 1::2]
    return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2).to(x.dtype)


def write_cache(cache: Tensor, slots: Tensor, value: Tensor, scale: Tensor) -> None:
    """Writes rows to the slots of a dense cache of bf16, or of fp8 through its bytes."""
    if cache.dtype == torch.float8_e4m3fn:
        value = (value.float() / scale).clamp(-LIMIT, LIMIT).to(cache.dtype).view(torch.uint8)
        cache = cache.view(torch.uint8)
    cache.view(-1, *cache.shape[2:])[slots] = value


def pad(y: Tensor, scale: Tensor | None = None) -> Results:
    return (functional.pad(y, (0, -y.shape[-1] % PAD)),)


def unquantised(y: Tensor, scale: Tensor | None = None) -> Results:
    return (y,)


def _normalised(wide: Tensor, weight: Tensor) -> Tensor:
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + EPSILON)).to(weight.dtype) * weight


SOURCES: dict[str, Callable[..., Tensor | Results]] = {
    "norm": rms_norm,
    "add_norm": add_rms_norm,
    "gated_norm": gated_rms_norm,
    "silu_mul": silu_and_mul,
    "gelu_mul": gelu_and_mul,
}
QUANTS: dict[str, Callable[..., Results]] = {
    "none": unquantised,
    "pad": pad,
    "static": static_quant,
    "token": token_quant,
    "group": group_quant,
    "mx": mx_quant,
}


def compose(source: str, quant: str) -> Callable[..., Results]:
    """`source`, then `quant` of what it gives: a function of (the source's arguments, the static scale or None)."""
    first, second = SOURCES[source], QUANTS[quant]

    def composed(arguments: tuple[Tensor, ...], scale: Tensor | None) -> Results:
        y = first(*arguments)
        if isinstance(y, tuple):
            return (*second(y[0], scale), *y[1:])
        return second(y, scale)

    return composed
