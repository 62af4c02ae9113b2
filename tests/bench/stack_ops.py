"""What the layer of `stack_model.py` calls, in three ways.

In: tensors, as the layer has them, and the scheme of the fp8 products: `group`, 1 x 128 scales by columns for
activations and 128 x 128 for weights; `token`, a scale for each row and for each output. Out: tensors.

- `Library`: the unfused ops of `torch.ops.patdsl`, which the passes match.
- `Plain`: the same in plain torch, which Inductor fuses.
- `Exact`: the meaning of the ops, run eagerly, with products and attention in fp32: what both are compared with.

The fp8 product and attention are custom ops, so that both sides of a comparison call the same kernels for them.
"""

from __future__ import annotations

from typing import Any

import attrs
import torch
import unfused
from stack_model import BF16, EPSILON, FP8, GROUP, Matrix, Step, spread
from torch import Tensor

from patdsl.reference import kv_cache_in_place
from patdsl.reference import unfused as meaning

_TAGS = (torch.Tag.needs_exact_strides,)


@torch.library.custom_op("decoder_stack::fp8_product", mutates_args=(), tags=_TAGS)
def fp8_product(q: Tensor, scale: Tensor, weight: Tensor, weight_scale: Tensor) -> Tensor:
    """q: fp8[M, K]; weight: fp8[N, K]. Out: bf16[M, N]. A stand-in, in fp32, where there is no GPU."""
    if not q.is_cuda:
        return dequantised_product(q, scale, weight, weight_scale)
    by_rows = scale.shape[1] == 1
    return torch._scaled_mm(q, weight.t(), scale, weight_scale, out_dtype=BF16, use_fast_accum=by_rows)


@fp8_product.register_fake
def _(q: Tensor, scale: Tensor, weight: Tensor, weight_scale: Tensor) -> Tensor:
    return q.new_empty(q.shape[0], weight.shape[0], dtype=BF16)


@torch.library.custom_op("decoder_stack::attention", mutates_args=(), tags=_TAGS)
def attention(q: Tensor, latents: Tensor, width: int, scale: float) -> Tensor:
    """q: bf16[B, heads, D]; latents: bf16[B, L, D], keys, and values in their first `width` columns."""
    scores = torch.baddbmm(q.new_empty(()), q, latents.mT, beta=0, alpha=scale)
    return torch.bmm(torch.softmax(scores, -1), latents[..., :width])


@attention.register_fake
def _(q: Tensor, latents: Tensor, width: int, scale: float) -> Tensor:
    return q.new_empty(*q.shape[:2], width)


def dequantised_product(q: Tensor, scale: Tensor, weight: Tensor, weight_scale: Tensor) -> Tensor:
    """In fp32, rounded to bf16."""
    wide = q.float() * (scale if scale.shape[1] == 1 else scale.repeat_interleave(GROUP, 1))
    return (wide @ (weight.float() * spread(weight_scale, weight)).t()).to(BF16)


@attrs.frozen
class Library:
    """The ops of patdsl; `ops` has them by name."""

    scheme: str
    ops: Any = torch.ops.patdsl

    def rms_norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return self.ops.rms_norm(x, weight, EPSILON)

    def add_rms_norm(self, x: Tensor, residual: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self.ops.fused_add_rms_norm(x, residual, weight, EPSILON)

    def silu_and_mul(self, x: Tensor) -> Tensor:
        return self.ops.silu_and_mul(x)

    def quantise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.scheme == "token":
            return self.ops.token_quant(x, FP8)
        return self.ops.group_quant(x, GROUP, True)

    def linear(self, x: Tensor, matrix: Matrix) -> Tensor:
        return fp8_product(*self.quantise(x), *matrix)

    def rope(self, step: Step, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        return self.ops.rope(step.positions, q, k, q.shape[-1], step.cos_sin, False)

    def write_cache(self, step: Step, kv: Tensor, k_pe: Tensor, cache: Tensor) -> None:
        self.ops.mla_kv_cache_write(kv, k_pe, cache, step.slots, step.cache_scale)

    def attention(self, q: Tensor, latents: Tensor, width: int, scale: float) -> Tensor:
        return attention(q, latents, width, scale)


@attrs.frozen
class Plain:
    """Torch code, as `kernels/bench` gives it to Inductor."""

    scheme: str

    def rms_norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return unfused.rms_norm(x, weight)

    def add_rms_norm(self, x: Tensor, residual: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        return unfused.add_rms_norm(x, residual, weight)

    def silu_and_mul(self, x: Tensor) -> Tensor:
        return unfused.silu_and_mul(x)

    def linear(self, x: Tensor, matrix: Matrix) -> Tensor:
        if self.scheme == "token":
            return fp8_product(*unfused.token_quant(x), *matrix)
        q, scale = unfused.group_quant(x)
        return fp8_product(q, scale.t().contiguous().t(), *matrix)

    def rope(self, step: Step, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        angles = step.cos_sin[step.positions]
        return unfused.rotate(q, angles, False), unfused.rotate(k, angles, False)

    def write_cache(self, step: Step, kv: Tensor, k_pe: Tensor, cache: Tensor) -> None:
        unfused.write_cache(cache, step.slots, torch.cat([kv, k_pe], -1), step.cache_scale)

    def attention(self, q: Tensor, latents: Tensor, width: int, scale: float) -> Tensor:
        return attention(q, latents, width, scale)


class Exact(Library):
    """Not compiled."""

    def __init__(self, scheme: str) -> None:
        super().__init__(scheme, meaning)

    def linear(self, x: Tensor, matrix: Matrix) -> Tensor:
        return dequantised_product(*self.quantise(x), *matrix)

    def write_cache(self, step: Step, kv: Tensor, k_pe: Tensor, cache: Tensor) -> None:
        kv_cache_in_place.mla_kv_cache_write(kv, k_pe, cache, step.slots, step.cache_scale)

    def attention(self, q: Tensor, latents: Tensor, width: int, scale: float) -> Tensor:
        scores = torch.bmm(q.float(), latents.float().mT) * scale
        return torch.bmm(torch.softmax(scores, -1), latents[..., :width].float()).to(BF16)
