"""What is timed: families of kernels, and the sizes of each.

In: nothing. Out: by name, a family's works. The two main families have the full grid, the others a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
import dual_work
import rope_work
from dual_work import DualWork
from floor import Floor
from memory import Memory
from rope_work import LatentWork, PairWork
from rows_work import RowsWork
from torch import Tensor

HIDDEN = (1536, 2048, 4096, 5120, 7168, 8192)
ROWS = (1, 16, 64, 128, 512, 1024, 8192, 32768)
FEW_HIDDEN = (4096, 7168)
FEW_ROWS = (1, 64, 1024, 8192)
PADDED_HIDDEN = (2880,)  # to 3,072
DUAL_HIDDEN = dual_work.Q + dual_work.KV
HEAD = rope_work.SIZE
PAIR_HIDDEN = (32 * HEAD, 64 * HEAD)  # of q; k and v have 8 heads
LATENT_HEADS = 16
LATENT_HIDDEN = LATENT_HEADS * (rope_work.NOPE + rope_work.ROTARY)
Sizes = tuple[tuple[int, int], ...]


class Work(Protocol):
    """A family at one size. `Any`: its buffers, the configurations of its Triton kernel, the forms of its copy."""

    @property
    def family(self) -> str: ...
    @property
    def hidden(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def blocks(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    def make(self, memory: Memory) -> Any: ...
    def ours(self, b: Any, config: int = 0) -> None: ...
    def configs(self) -> list[Any]: ...
    def triton(self, b: Any, config: Any, warm_up: bool = False, approximate: bool = False) -> None: ...
    def copy_forms(self) -> tuple[Any, ...]: ...
    def copy(self, floor: Floor, b: Any, form: Any) -> None: ...
    def arguments(self, b: Any) -> tuple[Any, ...]: ...
    def unfused(self) -> Callable[..., Any]: ...
    def written(self, b: Any) -> list[Tensor]: ...
    def results(self, b: Any) -> dict[str, Tensor]: ...
    def wanted(self, b: Any) -> dict[str, Tensor]: ...


@attrs.frozen
class Family:
    """`work(hidden, rows)` for each of `sizes`."""

    work: Callable[[int, int], Work]
    sizes: Sizes


def grid(hidden: tuple[int, ...], rows: tuple[int, ...]) -> Sizes:
    return tuple((one, count) for one in hidden for count in rows)


def _rows_family(name: str, source: str, quant: str, sizes: Sizes) -> tuple[str, Family]:
    return name, Family(lambda hidden, rows: RowsWork(name, source, quant, hidden, rows), sizes)


def _dual_family(name: str, quant: str) -> tuple[str, Family]:
    return name, Family(lambda hidden, rows: DualWork(name, quant, rows), grid((DUAL_HIDDEN,), FEW_ROWS))


def _pair_family(name: str, fp8: bool) -> tuple[str, Family]:
    return name, Family(
        lambda hidden, rows: PairWork(name, fp8, hidden // HEAD, rows), grid(PAIR_HIDDEN, FEW_ROWS)
    )


def _latent_family(name: str, fp8: bool) -> tuple[str, Family]:
    return name, Family(
        lambda hidden, rows: LatentWork(name, fp8, LATENT_HEADS, rows), grid((LATENT_HIDDEN,), FEW_ROWS)
    )


ALL, FEW = grid(HIDDEN, ROWS), grid(FEW_HIDDEN, FEW_ROWS)
NAMES = {"norm": "rms_norm", "add_norm": "add_rms_norm", "silu_mul": "silu_mul", "gelu_mul": "gelu_mul"}
MAIN = ("rms_norm_group", "add_rms_norm_group")
FAMILIES: dict[str, Family] = dict(
    [
        _rows_family("rms_norm_group", "norm", "group", ALL),
        _rows_family("add_rms_norm_group", "add_norm", "group", ALL),
        *(
            _rows_family(f"{NAMES[source]}_{quant}", source, quant, FEW)
            for source in ("norm", "add_norm")
            for quant in ("none", "static", "token", "mx")
        ),
        *(
            _rows_family(f"{NAMES[source]}_{quant}", source, quant, FEW)
            for source in ("silu_mul", "gelu_mul")
            for quant in ("none", "static", "token", "group", "mx")
        ),
        _rows_family("gated_rms_norm_group", "gated_norm", "group", (*grid((128,), (32, 32768)), *FEW)),
        _rows_family("add_rms_norm_pad", "add_norm", "pad", grid(PADDED_HIDDEN, FEW_ROWS)),
        *(_dual_family(f"mla_dual_rms_norm_{quant}", quant) for quant in ("none", "token", "group")),
        *(_pair_family(f"rope_kv_cache_{kind}", kind == "fp8") for kind in ("bf16", "fp8")),
        *(_latent_family(f"mla_rope_kv_cache_{kind}", kind == "fp8") for kind in ("bf16", "fp8")),
    ]
)
