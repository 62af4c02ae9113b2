"""Rotary embedding with the write of a paged cache at one size: its buffers, and each way to compute it.

In: heads, the cache's dtype, a number of tokens. Out: as `rows_work.py`, `rows` being tokens. `PairWork`: q, k and v
are slices of one projection, neox, heads of 128. `LatentWork`: the form of latent attention, neighbours turned, 64
rotary values, a latent of 512 and as many values of each head in front of its rotary ones. A call's slots are all
apart. Positions, slots and the table are those of every call, as they are in a model's layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import torch
import unfused
from floor import STREAM_FORMS, Floor
from memory import Memory
from torch import Tensor

SIZE = 128
NOPE = LATENT = 512
ROTARY = 64
LENGTH = 8192  # positions in the table
BLOCK = 16
SCALE = 0.02


@attrs.frozen
class Config:
    """`tokens` and `heads` a program; `early`: as EARLY in `triton_rope.py`."""

    tokens: int
    heads: int
    warps: int
    early: int

    @property
    def text(self) -> str:
        return (
            f"{self.tokens} tokens, {self.heads} heads, {self.warps} warps{', early' if self.early else ''}"
        )


@attrs.frozen
class Steering:
    """What is the same for every call."""

    positions: Tensor
    slots: Tensor
    table: Tensor
    scale: Tensor


def steering(memory: Memory, tokens: int, turned: int) -> Steering:
    def make() -> Steering:
        device = memory.device
        return Steering(
            torch.randint(LENGTH, (tokens,), device=device),
            torch.randperm(_blocks(tokens) * BLOCK, device=device)[:tokens],
            torch.rand(LENGTH, turned, device=device).mul(2).sub(1).to(torch.bfloat16),
            torch.full((1,), SCALE, device=device),
        )

    found: Steering = memory.once(f"steering {tokens} {turned}", make)
    return found


def _blocks(tokens: int) -> int:
    return (tokens + BLOCK - 1) // BLOCK


def _configs(lines: int, heads: tuple[int, ...], width: int) -> list[Config]:
    return [
        Config(tokens, count, warps, early)
        for tokens in (1, 2, 4)
        for count in heads
        for warps in (1, 2, 4, 8)
        for early in (0, 1)
        if 2 <= tokens * count * width // (32 * warps) <= 64 and (tokens == 1 or lines >= 64 * tokens)
    ]


@attrs.frozen
class PairBuffers:
    qkv: Tensor
    q: Tensor
    k: Tensor
    key_cache: Tensor
    value_cache: Tensor
    steering: Steering


@attrs.frozen
class PairWork:
    family: str
    fp8: bool
    q_heads: int
    rows: int
    k_heads: int = 8

    @property
    def hidden(self) -> int:
        return self.q_heads * SIZE

    @property
    def blocks(self) -> int:
        return self.rows * 2

    @property
    def bytes(self) -> int:
        return self._read + self._written

    @property
    def _read(self) -> int:
        return self.rows * (2 * (self.q_heads + 2 * self.k_heads) * SIZE + 2 * SIZE + 16)

    @property
    def _written(self) -> int:
        of_caches = 2 * self.k_heads * SIZE * (1 if self.fp8 else 2)
        return self.rows * (2 * (self.q_heads + self.k_heads) * SIZE + of_caches)

    def make(self, memory: Memory) -> PairBuffers:
        tokens = self.rows
        shape = (_blocks(tokens), BLOCK, self.k_heads, SIZE)
        kind = torch.float8_e4m3fn if self.fp8 else torch.bfloat16
        return PairBuffers(
            memory.input(tokens, (self.q_heads + 2 * self.k_heads) * SIZE),
            memory.output(tokens, self.q_heads * SIZE, dtype=torch.bfloat16),
            memory.output(tokens, self.k_heads * SIZE, dtype=torch.bfloat16),
            torch.zeros(shape, dtype=kind, device=memory.device),
            torch.zeros(shape, dtype=kind, device=memory.device),
            steering(memory, tokens, SIZE),
        )

    def _parts(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        of_q, of_k = self.q_heads * SIZE, self.k_heads * SIZE
        return qkv[:, :of_q], qkv[:, of_q : of_q + of_k], qkv[:, of_q + of_k :]

    def ours(self, b: PairBuffers, config: int = 0) -> None:
        from patdsl.kernels.rope_call import Caches, Turning, launch_pair

        q, k, v = self._parts(b.qkv)
        s = b.steering
        turning = Turning(s.positions, s.table, True)
        caches = Caches(b.key_cache, b.value_cache, s.slots, s.scale, s.scale)
        launch_pair(self.family, self.rows, SIZE, turning, (q, b.q), k, b.k, v, caches, config)

    def configs(self) -> list[Config]:
        return _configs(self.rows, (1, 2, 4, 8), SIZE)

    def triton(
        self, b: PairBuffers, config: Config, warm_up: bool = False, approximate: bool = False
    ) -> None:
        from triton_launch import launch_pair

        launch_pair(self, b, config, warm_up)

    def copy_forms(self) -> tuple[tuple[int, int, int], ...]:
        return STREAM_FORMS

    def copy(self, floor: Floor, b: PairBuffers, form: tuple[int, int, int]) -> None:
        """Writes as much as q, k and the caches are from q on, over what other calls in `Blocks` have there."""
        floor.stream(b.qkv, b.q, self._read, self._written, form)

    def arguments(self, b: PairBuffers) -> tuple[Tensor, ...]:
        s = b.steering
        return b.qkv, s.positions, s.table, s.slots, s.scale, b.key_cache, b.value_cache

    def unfused(self) -> Callable[..., Any]:
        def composed(
            qkv: Tensor,
            positions: Tensor,
            table: Tensor,
            slots: Tensor,
            scale: Tensor,
            key_cache: Tensor,
            value_cache: Tensor,
        ) -> tuple[Tensor, Tensor]:
            q, k, v = self._parts(qkv)
            angles = table[positions]
            q = unfused.rotate(q.view(q.shape[0], -1, SIZE), angles, True)
            k = unfused.rotate(k.view(k.shape[0], -1, SIZE), angles, True)
            unfused.write_cache(key_cache, slots, k, scale)
            unfused.write_cache(value_cache, slots, v.view(v.shape[0], -1, SIZE), scale)
            return q.flatten(1), k.flatten(1)

        return composed

    def written(self, b: PairBuffers) -> list[Tensor]:
        return [b.q, b.k, b.key_cache, b.value_cache]

    def results(self, b: PairBuffers) -> dict[str, Tensor]:
        slots = b.steering.slots
        caches = {"key_cache": b.key_cache, "value_cache": b.value_cache}
        return {"q": b.q, "k": b.k, **{name: cache.flatten(0, 1)[slots] for name, cache in caches.items()}}

    def wanted(self, b: PairBuffers) -> dict[str, Tensor]:
        from patdsl.reference import kv_cache as reference

        s = b.steering
        q, k, v = self._parts(b.qkv)
        q, k, *caches = reference.rope_kv_cache(
            s.positions,
            q,
            k,
            v,
            s.table,
            True,
            b.key_cache,
            b.value_cache,
            s.slots,
            s.scale,
            s.scale,
        )
        keys, values = (cache.flatten(0, 1)[s.slots] for cache in caches)
        return {"q": q, "k": k, "key_cache": keys, "value_cache": values}


@attrs.frozen
class LatentBuffers:
    nope: Tensor
    q_pe: Tensor
    kv: Tensor  # the latent, then the rotary part of the key
    q: Tensor
    k: Tensor
    cache: Tensor
    steering: Steering


@attrs.frozen
class LatentWork:
    family: str
    fp8: bool
    q_heads: int
    rows: int

    @property
    def hidden(self) -> int:
        return self.q_heads * (NOPE + ROTARY)

    @property
    def blocks(self) -> int:
        return self.rows * 2

    @property
    def bytes(self) -> int:
        return self._read + self._written

    @property
    def _read(self) -> int:
        return self.rows * (2 * (self.hidden + LATENT + ROTARY) + 2 * ROTARY + 16)

    @property
    def _written(self) -> int:
        return self.rows * (2 * self.hidden + 2 * ROTARY + (LATENT + ROTARY) * (1 if self.fp8 else 2))

    def make(self, memory: Memory) -> LatentBuffers:
        tokens = self.rows
        kind = torch.float8_e4m3fn if self.fp8 else torch.bfloat16
        return LatentBuffers(
            memory.input(tokens, self.q_heads, NOPE),
            memory.input(tokens, self.q_heads, ROTARY),
            memory.input(tokens, LATENT + ROTARY),
            memory.output(tokens, self.q_heads, NOPE + ROTARY, dtype=torch.bfloat16),
            memory.output(tokens, ROTARY, dtype=torch.bfloat16),
            torch.zeros((_blocks(tokens), BLOCK, LATENT + ROTARY), dtype=kind, device=memory.device),
            steering(memory, tokens, ROTARY),
        )

    def ours(self, b: LatentBuffers, config: int = 0) -> None:
        from patdsl.kernels.rope_call import Turning, launch_latent

        s = b.steering
        latent, k_pe = b.kv[:, :LATENT], b.kv[:, LATENT:]
        turning = Turning(s.positions, s.table, False)
        queries = (b.nope, b.q_pe, b.q)
        launch_latent(
            self.family, self.rows, turning, queries, k_pe, b.k, latent, b.cache, s.slots, s.scale, config
        )

    def configs(self) -> list[Config]:
        return _configs(self.rows, (1, 2, 4, 8), NOPE)

    def triton(
        self, b: LatentBuffers, config: Config, warm_up: bool = False, approximate: bool = False
    ) -> None:
        from triton_launch import launch_latent

        launch_latent(self, b, config, warm_up)

    def copy_forms(self) -> tuple[tuple[int, int, int], ...]:
        return STREAM_FORMS

    def copy(self, floor: Floor, b: LatentBuffers, form: tuple[int, int, int]) -> None:
        """As `PairWork.copy`; the inputs lie one after another in `Blocks`."""
        floor.stream(b.nope, b.q, self._read, self._written, form)

    def arguments(self, b: LatentBuffers) -> tuple[Tensor, ...]:
        s = b.steering
        return b.nope, b.q_pe, b.kv, s.positions, s.table, s.slots, s.scale, b.cache

    def unfused(self) -> Callable[..., Any]:
        def composed(
            nope: Tensor,
            q_pe: Tensor,
            kv: Tensor,
            positions: Tensor,
            table: Tensor,
            slots: Tensor,
            scale: Tensor,
            cache: Tensor,
        ) -> tuple[Tensor, Tensor]:
            latent, k_pe = kv[:, :LATENT], kv[:, LATENT:]
            angles = table[positions]
            q = torch.cat([nope, unfused.rotate(q_pe, angles, False)], -1)
            k = unfused.rotate(k_pe.unsqueeze(1), angles, False).squeeze(1)
            unfused.write_cache(cache, slots, torch.cat([latent, k], -1), scale)
            return q, k

        return composed

    def written(self, b: LatentBuffers) -> list[Tensor]:
        return [b.q, b.k, b.cache]

    def results(self, b: LatentBuffers) -> dict[str, Tensor]:
        return {"q": b.q, "k": b.k, "cache": b.cache.flatten(0, 1)[b.steering.slots]}

    def wanted(self, b: LatentBuffers) -> dict[str, Tensor]:
        from patdsl.reference import kv_cache as reference

        s = b.steering
        latent, k_pe = b.kv[:, :LATENT], b.kv[:, LATENT:]
        q, k, cache = reference.mla_rope_kv_cache(
            s.positions, b.nope, b.q_pe, k_pe, latent, s.table, False, b.cache, s.slots, s.scale
        )
        return {"q": q, "k": k, "cache": cache.flatten(0, 1)[s.slots]}
