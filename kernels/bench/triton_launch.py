"""Launches of the Triton kernels.

In: a work, its buffers, a configuration. Out: one launch on the current stream, or with `warm_up` the compilation
alone, into Triton's cache on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from triton_config import Config
from triton_rows import row_kernel
from unfused import EPSILON

if TYPE_CHECKING:
    from rows_work import Buffers, RowsWork


def launch_rows(work: RowsWork, b: Buffers, config: Config, warm_up: bool, approximate: bool) -> None:
    rows, hidden = work.rows, work.hidden
    sets = (rows + config.rows - 1) // config.rows
    if config.persistent:
        sets = min(sets, processors() * config.persistent)
    grid = (sets, hidden // config.tile if config.tile else 1)
    pointers = [
        b.x if tensor is None else tensor for tensor in (b.x, b.other, b.weight, b.q, b.scale, b.y, b.total)
    ]
    constants = {
        "SOURCE": work.source,
        "QUANT": "none" if work.quant == "pad" else work.quant,
        "HIDDEN": hidden,
        "WIDTH": work.width,
        "PARTS": config.parts,
        "TILE": config.tile,
        "GROUP": work.group,
        "ROWS": config.rows,
        "VECTOR": config.vector,
        "PERSISTENT": config.persistent > 0,
        "APPROXIMATE": approximate,
        "num_warps": config.warps,
    }
    if warm_up:
        row_kernel.warmup(*pointers, rows, EPSILON, grid=grid, **constants)
    else:
        row_kernel[grid](*pointers, rows, EPSILON, **constants)


def processors() -> int:
    """The GPU's multiprocessors; 1 under Triton's interpreter."""
    if _PROCESSORS:
        return _PROCESSORS[0]
    found = torch.cuda.get_device_properties(0).multi_processor_count if torch.cuda.is_available() else 1
    _PROCESSORS.append(found)
    return found


_PROCESSORS: list[int] = []
