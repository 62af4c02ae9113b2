"""One row kernel at one size: its buffers, and each way to compute it.

In: a source and a quantisation of `patdsl.kernels.rows`, a size. Out: launches of the HIP kernel, of Triton and of a
copy on given buffers; the unfused function for Inductor; what the reference gives. bf16, e4m3fn, groups of 128 (MX:
32), row-major scales, weights of the dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import torch
import unfused
from floor import Floor, copy_forms
from memory import Memory
from torch import Tensor
from triton_config import Config, row_configs, worth_timing
from unfused import EPSILON, GROUP, MX_GROUP, PAD

NORMS = ("norm", "add_norm", "gated_norm")
PAIRS = ("add_norm", "gated_norm")
HALVES = ("silu_mul", "gelu_mul")
STATIC_SCALE = 0.02


@attrs.frozen
class Buffers:
    """Memory of one call; None where it has no such argument or result."""

    x: Tensor
    other: Tensor | None
    weight: Tensor | None
    q: Tensor | None
    scale: Tensor | None
    y: Tensor | None
    total: Tensor | None

    def tensors(self) -> list[Tensor]:
        return [tensor for tensor in attrs.astuple(self, recurse=False) if tensor is not None]


@attrs.frozen
class RowsWork:
    """`source` and `quant` as in `patdsl.kernels.rows`, or quant "pad": none, with rows made longer."""

    family: str
    source: str
    quant: str
    hidden: int
    rows: int

    @property
    def group(self) -> int:
        return {"group": GROUP, "mx": MX_GROUP}.get(self.quant, 0)

    @property
    def width(self) -> int:
        return self.hidden + -self.hidden % PAD if self.quant == "pad" else self.hidden

    @property
    def blocks(self) -> int:
        return self.rows

    @property
    def bytes(self) -> int:
        """Read and written by one call, the weight read once."""
        rows, hidden = self.rows, self.hidden
        read = 2 * rows * hidden * (2 if self.source in PAIRS + HALVES else 1)
        read += 2 * hidden if self.source in NORMS else 0
        written = 2 * rows * hidden if self.source == "add_norm" else 0
        if self.quant in ("none", "pad"):
            return read + written + 2 * rows * self.width
        scales = {"static": 0, "token": 4 * rows, "group": 4 * rows * hidden // GROUP}
        return read + written + rows * hidden + scales.get(self.quant, rows * hidden // MX_GROUP)

    def make(self, memory: Memory) -> Buffers:
        rows, hidden = self.rows, self.hidden
        quantised = self.quant not in ("none", "pad")
        scale = None
        if self.quant == "static":
            scale = torch.full((1,), STATIC_SCALE, device=memory.device)
        elif self.quant == "token":
            scale = memory.output(rows, 1, dtype=torch.float32)
        elif self.quant == "group":
            scale = memory.output(rows, hidden // GROUP, dtype=torch.float32)
        elif self.quant == "mx":
            scale = memory.output(rows, hidden // MX_GROUP, dtype=torch.uint8)
        return Buffers(
            memory.input(rows, 2 * hidden if self.source in HALVES else hidden),
            memory.input(rows, hidden) if self.source in PAIRS else None,
            memory.input(hidden) if self.source in NORMS else None,
            memory.output(rows, hidden, dtype=torch.float8_e4m3fn) if quantised else None,
            scale,
            None if quantised else memory.output(rows, self.width, dtype=torch.bfloat16),
            memory.output(rows, hidden, dtype=torch.bfloat16) if self.source == "add_norm" else None,
        )

    def ours(self, b: Buffers, config: int = 0) -> None:
        from patdsl.kernels import rows

        rows.launch(
            self.family,
            source=self.source,
            quant="none" if self.quant == "pad" else self.quant,
            x=b.x,
            other=b.other,
            weight=b.weight,
            q=b.q,
            scale=b.scale,
            y=b.y,
            sum=b.total,
            epsilon=EPSILON,
            group=self.group,
            config=config,
        )

    def configs(self) -> list[Config]:
        """Triton's. A padded result is written under one mask, so its rows are covered by one block."""
        found = row_configs(
            self.hidden,
            self.group or 1,
            tiles=self.source in HALVES and self.quant not in ("token", "pad"),
            quantised=self.quant not in ("none", "pad"),
            thorough=self.quant == "group" and self.source in ("norm", "add_norm"),
        )
        if self.quant == "pad":
            found = [config for config in found if len(config.parts) == 1]
        return [config for config in found if worth_timing(config, self.rows)]

    def triton(self, b: Buffers, config: Config, warm_up: bool = False, approximate: bool = False) -> None:
        from triton_launch import launch_rows

        launch_rows(self, b, config, warm_up, approximate)

    def copy_forms(self) -> tuple[int, ...]:
        return copy_forms(self.hidden)

    def copy(self, floor: Floor, b: Buffers, form: int) -> None:
        result = b.q if b.q is not None else b.y
        assert result is not None
        other = b.x[:, self.hidden :] if self.source in HALVES else b.other
        shift = {"group": 4, "mx": 2}.get(self.quant, -1)
        scale = None if self.quant == "static" else b.scale
        result = result[:, : self.hidden] if self.quant == "pad" else result
        floor.copy(b.x, other, b.weight, result, b.total, scale, shift, form)

    def arguments(self, b: Buffers) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """Of `unfused`."""
        given = tuple(tensor for tensor in (b.x, b.other, b.weight) if tensor is not None)
        return given, b.scale if self.quant == "static" else None

    def unfused(self) -> Callable[..., Any]:
        return unfused.compose(self.source, self.quant)

    def written(self, b: Buffers) -> list[Tensor]:
        return list(self.results(b).values())

    def results(self, b: Buffers) -> dict[str, Tensor]:
        """What a call has written, by name."""
        named = {"q": b.q, "scale": None if self.quant == "static" else b.scale, "y": b.y, "sum": b.total}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def wanted(self, b: Buffers) -> dict[str, Tensor]:
        """The same by `patdsl.reference`, for comparison."""
        from patdsl.reference import unfused as reference

        total = None
        if self.source == "norm":
            y = reference.rms_norm(b.x, b.weight, EPSILON)
        elif self.source == "add_norm":
            assert b.other is not None
            y, total = reference.fused_add_rms_norm(b.x, b.other, b.weight, EPSILON)
        elif self.source == "gated_norm":
            assert b.other is not None
            assert b.weight is not None
            y = reference.rms_norm_gated(b.x, b.other, b.weight, EPSILON)
        else:
            y = (reference.silu_and_mul if self.source == "silu_mul" else reference.gelu_and_mul)(b.x)
        found: dict[str, Tensor] = {} if total is None else {"sum": total}
        if self.quant in ("none", "pad"):
            return {**found, "y": reference.pad(y, PAD) if self.quant == "pad" else y}
        if self.quant == "static":
            assert b.scale is not None
            return {**found, "q": reference.static_quant(y, b.scale)}
        if self.quant == "token":
            q, scales = reference.token_quant(y, torch.float8_e4m3fn)
        elif self.quant == "group":
            q, scales = reference.group_quant(y, GROUP)
        else:
            q, scales = reference.mx_quant(y)
        return {**found, "q": q, "scale": scales}
