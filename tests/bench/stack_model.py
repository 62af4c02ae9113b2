"""A decoder layer of DeepSeek-V3.2 as one of eight tensor-parallel GPUs has it, as a serving engine writes it.

In: sizes, a batch, a device, which way weights and activations are scaled. Out: weights for each layer, the state of a
decode step, and `layer`, a function of tensors over the ops that it is given (`stack_ops.py`). Times nothing.

Modelled: norms with the residual added, the joint down-projection of q and of the latent kv, both latent norms, the
up-projection of q, the rotary embedding, the write to the paged latent cache, attention in its absorbed form over a
context of `context` tokens for each row, the output projection, a dense MLP (18,432 wide over eight GPUs, as the first
layers have it) and every dynamic quantisation before an fp8 product. Not modelled: the sums over GPUs, the indexer of
sparse attention (the context is shorter than the 2,048 tokens that it picks), the experts of the other layers, the
embedding and the head.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import attrs
import torch
from torch import Tensor

GROUP = 128
EPSILON = 1e-6
BF16, FP8 = torch.bfloat16, torch.float8_e4m3fn
LIMIT = 448.0


@attrs.frozen
class Sizes:
    """Of one GPU of eight: 16 of 128 heads and an eighth of the MLP."""

    hidden: int = 7168
    q_lora: int = 1536
    kv_lora: int = 512
    nope: int = 128
    rope: int = 64
    value: int = 128
    heads: int = 16
    mlp: int = 18432 // 8
    context: int = 1024
    block: int = 64  # rows of a page of the cache

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """The fp8 products: outputs and inputs of each."""
        return {
            "qkv_a": (self.q_lora + self.kv_lora + self.rope, self.hidden),
            "q_b": (self.heads * (self.nope + self.rope), self.q_lora),
            "o": (self.hidden, self.heads * self.value),
            "gate_up": (2 * self.mlp, self.hidden),
            "down": (self.hidden, self.mlp),
        }


class Matrix(NamedTuple):
    """An fp8 weight [N, K] and its scales, as `torch._scaled_mm` takes them for its transpose."""

    weight: Tensor
    scale: Tensor


class Weights(NamedTuple):
    """Of one layer."""

    input_norm: Tensor
    qkv_a: Matrix
    q_norm: Tensor
    kv_norm: Tensor
    q_b: Matrix
    k_up: Tensor  # [heads, nope, kv_lora]
    v_up: Tensor  # [heads, kv_lora, value]
    o: Matrix
    post_norm: Tensor
    gate_up: Matrix
    down: Matrix


class Step(NamedTuple):
    """What all layers read in a decode step: each row is the last token of a sequence of its own."""

    positions: Tensor
    slots: Tensor
    cos_sin: Tensor
    cache_scale: Tensor


def layer(
    ops: Any, sizes: Sizes, w: Weights, step: Step, cache: Tensor, hidden: Tensor, residual: Tensor
) -> tuple[Tensor, Tensor]:
    """hidden, residual: bf16[rows, hidden]; cache: bf16[pages, block, kv_lora + rope], written. Out: the next two."""
    y, residual = ops.add_rms_norm(hidden, residual, w.input_norm)
    qkv = ops.linear(y, w.qkv_a)
    q_c, kv = qkv.split([sizes.q_lora, sizes.kv_lora + sizes.rope], -1)
    kv_c, k_pe = kv.split([sizes.kv_lora, sizes.rope], -1)
    q = ops.linear(ops.rms_norm(q_c, w.q_norm), w.q_b)
    kv_n = ops.rms_norm(kv_c, w.kv_norm)
    q_nope, q_pe = q.view(-1, sizes.heads, sizes.nope + sizes.rope).split([sizes.nope, sizes.rope], -1)
    q_pe, k_pe = ops.rope(step, q_pe, k_pe.unsqueeze(1))
    ops.write_cache(step, kv_n, k_pe.squeeze(1), cache)
    q_latent = torch.bmm(q_nope.transpose(0, 1), w.k_up).transpose(0, 1)
    latents = cache.view(hidden.shape[0], sizes.context, sizes.kv_lora + sizes.rope)
    attended = ops.attention(
        torch.cat([q_latent, q_pe], -1), latents, sizes.kv_lora, (sizes.nope + sizes.rope) ** -0.5
    )
    values = torch.bmm(attended.transpose(0, 1), w.v_up).transpose(0, 1)
    hidden = ops.linear(values.reshape(-1, sizes.heads * sizes.value), w.o)
    y, residual = ops.add_rms_norm(hidden, residual, w.post_norm)
    return ops.linear(ops.silu_and_mul(ops.linear(y, w.gate_up)), w.down), residual


def make_weights(sizes: Sizes, scheme: str, device: str, seed: int) -> Weights:
    """Normal numbers, so scaled that each product keeps the size of what it is given."""
    random = torch.Generator(device).manual_seed(seed)

    def normal(*dims: int, inputs: int) -> Tensor:
        return torch.randn(dims, generator=random, device=device) * inputs**-0.5

    def norm(width: int) -> Tensor:
        return (1 + 0.1 * torch.randn(width, generator=random, device=device)).to(BF16)

    matrices = {
        name: quantised(normal(outputs, inputs, inputs=inputs), scheme)
        for name, (outputs, inputs) in sizes.projections.items()
    }
    return Weights(
        input_norm=norm(sizes.hidden),
        q_norm=norm(sizes.q_lora),
        kv_norm=norm(sizes.kv_lora),
        k_up=normal(sizes.heads, sizes.nope, sizes.kv_lora, inputs=sizes.nope).to(BF16),
        v_up=normal(sizes.heads, sizes.kv_lora, sizes.value, inputs=sizes.kv_lora).to(BF16),
        post_norm=norm(sizes.hidden),
        **matrices,
    )


def quantised(weight: Tensor, scheme: str) -> Matrix:
    """`token`: a scale for each output, f32[1, N]. `group`: one for each block of 128 x 128, f32[K / 128, N / 128] with
    its columns padded to whole 16 bytes."""
    outputs, inputs = weight.shape
    if scheme == "token":
        scale = weight.abs().amax(1, keepdim=True) / LIMIT
        return Matrix((weight / scale).to(FP8), scale.t())
    rows, columns = -(-outputs // GROUP), inputs // GROUP
    padded = weight.new_zeros(rows * GROUP, inputs)
    padded[:outputs] = weight
    most = padded.view(rows, GROUP, columns, GROUP).abs().amax((1, 3))
    stored = weight.new_ones(rows, -(-columns // 4) * 4)
    stored[:, :columns] = most / LIMIT
    scale = stored[:, :columns]
    return Matrix((weight / spread(scale.t(), weight)).to(FP8), scale.t())


def spread(scale: Tensor, weight: Tensor) -> Tensor:
    """The scale of each element of a weight [N, K]."""
    by_output = scale.t()
    if by_output.shape == (weight.shape[0], 1):
        return by_output
    return by_output.repeat_interleave(GROUP, 0)[: weight.shape[0]].repeat_interleave(GROUP, 1)


def make_step(sizes: Sizes, rows: int, device: str) -> Step:
    angles = torch.outer(
        torch.arange(sizes.context).float(), 10000.0 ** -(torch.arange(0, sizes.rope, 2) / sizes.rope)
    )
    last = sizes.context - 1
    return Step(
        positions=torch.full((rows,), last, device=device),
        slots=torch.arange(rows, device=device) * sizes.context + last,
        cos_sin=torch.cat([angles.cos(), angles.sin()], -1).to(BF16).to(device),
        cache_scale=torch.ones(1, device=device),
    )


def make_cache(sizes: Sizes, rows: int, device: str, seed: int) -> Tensor:
    random = torch.Generator(device).manual_seed(seed)
    pages = rows * sizes.context // sizes.block
    width = sizes.kv_lora + sizes.rope
    return torch.randn(pages, sizes.block, width, generator=random, device=device).to(BF16)


def make_input(sizes: Sizes, rows: int, device: str, seed: int) -> tuple[Tensor, Tensor]:
    """The hidden state and the residual in front of the first layer."""
    random = torch.Generator(device).manual_seed(seed)
    both = torch.randn(2, rows, sizes.hidden, generator=random, device=device).to(BF16)
    return both[0], both[1]
