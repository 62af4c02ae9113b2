"""The dual norm of latent attention at one size: its buffers, and each way to compute it.

In: how q is quantised, a number of rows. Out: as `rows_work.py`. The two slices are of one row, as the projection
before them gives it: 1,536 of q, 512 of kv, and 64 that are not read. q comes from 1,536 elements; both have weights.
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
from unfused import EPSILON, GROUP

Q, KV, REST = 1536, 512, 64


@attrs.frozen
class Buffers:
    """Memory of one call. `q_out` is fp8 with a scale, or bf16 without."""

    joined: Tensor
    q_weight: Tensor
    kv_weight: Tensor
    q_out: Tensor
    scale: Tensor | None
    kv_out: Tensor

    @property
    def q(self) -> Tensor:
        return self.joined[:, :Q]

    @property
    def kv(self) -> Tensor:
        return self.joined[:, Q : Q + KV]


@attrs.frozen
class Config:
    """`rows` a program, `warps`; `split`: each half has programs of its own; `parts`, `vector`: of q;
    `early`: as EARLY in `triton_dual.py`.
    """

    rows: int
    warps: int
    split: bool
    parts: tuple[tuple[int, int], ...]
    vector: int
    early: int

    @property
    def text(self) -> str:
        parts = "+".join(str(columns) for _, columns in self.parts)
        more = (["split"] if self.split else []) + (["early"] if self.early else [])
        return ", ".join([f"{self.rows} rows", f"{self.warps} warps", parts, *more])


@attrs.frozen
class DualWork:
    """`quant` of q: none, token or group. `hidden` is that of both slices."""

    family: str
    quant: str
    rows: int
    hidden: int = Q + KV

    @property
    def blocks(self) -> int:
        return 2 * self.rows

    @property
    def bytes(self) -> int:
        return self._read + self._written

    @property
    def _read(self) -> int:
        return 2 * (self.rows + 1) * (Q + KV)

    @property
    def _written(self) -> int:
        of_q = {"none": 2 * Q, "token": Q + 4, "group": Q + 4 * Q // GROUP}[self.quant]
        return self.rows * (of_q + 2 * KV)

    def make(self, memory: Memory) -> Buffers:
        rows, quantised = self.rows, self.quant != "none"
        groups = Q // GROUP if self.quant == "group" else 1
        return Buffers(
            memory.input(rows, Q + KV + REST),
            memory.input(Q),
            memory.input(KV),
            memory.output(rows, Q, dtype=torch.float8_e4m3fn if quantised else torch.bfloat16),
            memory.output(rows, groups, dtype=torch.float32) if quantised else None,
            memory.output(rows, KV, dtype=torch.bfloat16),
        )

    def ours(self, b: Buffers, config: int = 0) -> None:
        from patdsl.kernels import dual_norm
        from patdsl.kernels.rows_call import GROUP as BY_GROUP
        from patdsl.kernels.rows_call import NONE, TOKEN, machine

        code = {"none": NONE, "token": TOKEN, "group": BY_GROUP}[self.quant]
        narrow, y = (None, b.q_out) if self.quant == "none" else (b.q_out, None)
        strides = (0, 0) if b.scale is None else (b.scale.shape[1], 1)
        group = GROUP if self.quant == "group" else 0
        first = dual_norm.Half(b.q, b.q_weight, EPSILON, code, narrow, b.scale, strides, group, False, y)
        second = dual_norm.plain(b.kv, b.kv_weight, EPSILON, b.kv_out)
        dual_norm.launch(self.family, machine(self.family, b.q), first, second)

    def configs(self) -> list[Config]:
        return [
            Config(rows, warps, split, parts, vector, early)
            for parts in (((0, 2048),), ((0, 1024), (1024, 512)))
            for rows in (1, 2)
            for warps in (2, 4, 8, 16)
            for split in (False, True)
            for vector in ((8, 16) if self.quant != "none" else (16,))
            for early in (0, 1)
            if 4 <= 2048 * rows // (32 * warps) <= 64 and (rows == 1 or self.rows >= 64 * rows)
        ]

    def triton(self, b: Buffers, config: Config, warm_up: bool = False, approximate: bool = False) -> None:
        from triton_launch import launch_dual

        launch_dual(self, b, config, warm_up)

    def copy_forms(self) -> tuple[tuple[int, int, int], ...]:
        return STREAM_FORMS

    def copy(self, floor: Floor, b: Buffers, form: tuple[int, int, int]) -> None:
        """The results lie one after another in `Blocks`, where this writes over them all."""
        floor.stream(b.joined, b.q_out, self._read, self._written, form)

    def arguments(self, b: Buffers) -> tuple[Tensor, ...]:
        return b.joined, b.q_weight, b.kv_weight

    def unfused(self) -> Callable[..., Any]:
        second = unfused.QUANTS[self.quant]

        def composed(joined: Tensor, q_weight: Tensor, kv_weight: Tensor) -> tuple[Tensor, ...]:
            q, kv = joined[:, :Q], joined[:, Q : Q + KV]
            return *second(unfused.rms_norm(q, q_weight)), unfused.rms_norm(kv, kv_weight)

        return composed

    def written(self, b: Buffers) -> list[Tensor]:
        return [tensor for tensor in (b.q_out, b.scale, b.kv_out) if tensor is not None]

    def results(self, b: Buffers) -> dict[str, Tensor]:
        named = {"q": b.q_out, "scale": b.scale, "kv": b.kv_out}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def wanted(self, b: Buffers) -> dict[str, Tensor]:
        from patdsl.reference import unfused as reference

        q = reference.rms_norm(b.q, b.q_weight, EPSILON)
        found = {"kv": reference.rms_norm(b.kv, b.kv_weight, EPSILON)}
        if self.quant == "none":
            return {**found, "q": q}
        if self.quant == "token":
            quantised, scale = reference.token_quant(q, torch.float8_e4m3fn)
        else:
            quantised, scale = reference.group_quant(q, GROUP)
        return {**found, "q": quantised, "scale": scale}
