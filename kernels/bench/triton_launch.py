"""Launches of the Triton kernels.

In: a work, its buffers, a configuration. Out: one launch on the current stream, or with `warm_up` the compilation
alone, into Triton's cache on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from triton_config import Config
from triton_dual import dual_kernel
from triton_rope import latent_kernel, pair_kernel
from triton_rows import row_kernel
from unfused import EPSILON, GROUP

if TYPE_CHECKING:
    import dual_work
    import rope_work
    import rows_work


def launch_rows(
    work: rows_work.RowsWork,
    b: rows_work.Buffers,
    config: Config,
    warm_up: bool,
    approximate: bool,
) -> None:
    kernel, grid, arguments, constants = row_call(work, b, config, approximate)
    _run(kernel, grid, arguments, constants, warm_up)


def row_call(
    work: rows_work.RowsWork, b: rows_work.Buffers, config: Config, approximate: bool
) -> tuple[Any, tuple[int, int], tuple[Any, ...], dict[str, Any]]:
    """The kernel, its grid, its arguments and its constants."""
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
        "STRIDE": b.x.stride(0),
        "PARTS": config.parts,
        "TILE": config.tile,
        "GROUP": work.group,
        "ROWS": config.rows,
        "VECTOR": config.vector,
        "PERSISTENT": config.persistent > 0,
        "APPROXIMATE": approximate,
        "EARLY": config.early,
        "launch_pdl": config.early > 0,
        "num_warps": config.warps,
    }
    return row_kernel, grid, (*pointers, rows, EPSILON), constants


def launch_dual(
    work: dual_work.DualWork, b: dual_work.Buffers, config: dual_work.Config, warm_up: bool
) -> None:
    q, kv = b.q, b.kv
    scale = b.q_out if b.scale is None else b.scale
    pointers = (q, b.q_weight, b.q_out, scale, b.q_out, kv, b.kv_weight, b.kv_out)
    constants = {
        "QUANT": work.quant,
        "FIRST": q.shape[1],
        "SECOND": kv.shape[1],
        "STRIDE": q.stride(0),
        "PARTS": config.parts,
        "GROUP": GROUP,
        "ROWS": config.rows,
        "VECTOR": config.vector,
        "SPLIT": config.split,
        "EARLY": config.early > 0,
        "launch_pdl": config.early > 0,
        "num_warps": config.warps,
    }
    grid = ((work.rows + config.rows - 1) // config.rows, 2 if config.split else 1)
    _run(dual_kernel, grid, (*pointers, work.rows, EPSILON), constants, warm_up)


def launch_pair(
    work: rope_work.PairWork, b: rope_work.PairBuffers, config: rope_work.Config, warm_up: bool
) -> None:
    s = b.steering
    pointers = (b.qkv, s.positions, s.table, s.slots, b.q, b.k, b.key_cache, b.value_cache, s.scale, s.scale)
    size = b.key_cache.shape[3]
    constants = {
        "Q_HEADS": work.q_heads,
        "K_HEADS": work.k_heads,
        "SIZE": size,
        "TOKENS": config.tokens,
        "HEADS": config.heads,
        "FP8": work.fp8,
        "EARLY": config.early > 0,
        "launch_pdl": config.early > 0,
        "num_warps": config.warps,
    }
    heads = (work.q_heads + 2 * work.k_heads) // config.heads
    grid = ((work.rows + config.tokens - 1) // config.tokens, heads)
    _run(pair_kernel, grid, (*pointers, work.rows), constants, warm_up)


def launch_latent(
    work: rope_work.LatentWork, b: rope_work.LatentBuffers, config: rope_work.Config, warm_up: bool
) -> None:
    s = b.steering
    pointers = (b.nope, b.q_pe, b.kv, s.positions, s.table, s.slots, b.q, b.k, b.cache, s.scale)
    rotary = b.k.shape[1]
    constants = {
        "Q_HEADS": work.q_heads,
        "NOPE": b.nope.shape[2],
        "LATENT": b.kv.shape[1] - rotary,
        "ROTARY": rotary,
        "TOKENS": config.tokens,
        "HEADS": config.heads,
        "FP8": work.fp8,
        "EARLY": config.early > 0,
        "launch_pdl": config.early > 0,
        "num_warps": config.warps,
    }
    grid = ((work.rows + config.tokens - 1) // config.tokens, work.q_heads // config.heads + 1)
    _run(latent_kernel, grid, (*pointers, work.rows), constants, warm_up)


def _run(
    kernel: Any, grid: tuple[int, int], arguments: tuple[Any, ...], constants: dict[str, Any], warm_up: bool
) -> None:
    if warm_up:
        kernel.warmup(*arguments, grid=grid, **constants)
    else:
        kernel[grid](*arguments, **constants)


def processors() -> int:
    """The GPU's multiprocessors; 1 under Triton's interpreter."""
    if _PROCESSORS:
        return _PROCESSORS[0]
    found = torch.cuda.get_device_properties(0).multi_processor_count if torch.cuda.is_available() else 1
    _PROCESSORS.append(found)
    return found


_PROCESSORS: list[int] = []
