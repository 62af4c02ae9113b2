"""What is timed: families of kernels, and the sizes of each.

In: nothing. Out: by name, a family's works. The two main families have the full grid, the others a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs
from floor import Floor
from memory import Memory
from rows_work import RowsWork
from torch import Tensor
from triton_config import Config

HIDDEN = (1536, 2048, 4096, 5120, 7168, 8192)
ROWS = (1, 16, 64, 128, 512, 1024, 8192, 32768)
FEW_HIDDEN = (4096, 7168)
FEW_ROWS = (1, 64, 1024, 8192)
PADDED_HIDDEN = (2880,)  # to 3,072
Sizes = tuple[tuple[int, int], ...]


class Work(Protocol):
    """A family at one size. `Any` is its buffers and the forms of its copy."""

    family: str
    hidden: int
    rows: int

    @property
    def blocks(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    def make(self, memory: Memory) -> Any: ...
    def ours(self, b: Any, config: int = 0) -> None: ...
    def configs(self) -> list[Config]: ...
    def triton(self, b: Any, config: Config, warm_up: bool = False, approximate: bool = False) -> None: ...
    def copy_forms(self) -> tuple[Any, ...]: ...
    def copy(self, floor: Floor, b: Any, form: Any) -> None: ...
    def arguments(self, b: Any) -> tuple[Any, ...]: ...
    def unfused(self) -> Callable[..., Any] | None: ...
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
    ]
)
