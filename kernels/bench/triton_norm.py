"""The norm and group quantisation in Triton: what the HIP kernels are compared with.

In: matrices on a GPU, a configuration. Out: q, the scales and, with a residual, the sum. Rounds where the HIP kernels
do; its division is Triton's, which is not IEEE's.
"""

from __future__ import annotations

import attrs
import triton
import triton.language as tl
from torch import Tensor


@attrs.frozen
class Config:
    """Rows a program takes at once, warps, and programs a multiprocessor (0: one program for each set of rows)."""

    rows: int
    warps: int
    persistent: int = 0


CONFIGS = (
    *(Config(1, warps) for warps in (1, 2, 4, 8, 16)),
    *(Config(2, warps) for warps in (2, 4, 8, 16)),
    *(Config(4, warps) for warps in (4, 8, 16)),
    *(Config(1, warps, 64 // (2 * warps)) for warps in (4, 8)),
)


@triton.jit
def norm_group_quant(  # noqa: ANN201
    x_ptr,  # noqa: ANN001  Triton reads these
    residual_ptr,  # noqa: ANN001
    weight_ptr,  # noqa: ANN001
    q_ptr,  # noqa: ANN001
    scale_ptr,  # noqa: ANN001
    sum_ptr,  # noqa: ANN001
    rows,  # noqa: ANN001
    epsilon,  # noqa: ANN001
    ADD: tl.constexpr,  # noqa: N803
    HIDDEN: tl.constexpr,  # noqa: N803
    BLOCK: tl.constexpr,  # noqa: N803
    GROUP: tl.constexpr,  # noqa: N803
    ROWS: tl.constexpr,  # noqa: N803
):
    columns = tl.arange(0, BLOCK)
    groups = tl.arange(0, BLOCK // GROUP)
    inside = columns < HIDDEN
    weight = tl.load(weight_ptr + columns, mask=inside, other=0.0)
    for start in range(tl.program_id(0) * ROWS, rows, tl.num_programs(0) * ROWS):
        row = start + tl.arange(0, ROWS)
        mask = (row < rows)[:, None] & inside[None, :]
        place = row.to(tl.int64)[:, None] * HIDDEN + columns[None, :]
        x = tl.load(x_ptr + place, mask=mask, other=0.0).to(tl.float32)
        if ADD:
            x += tl.load(residual_ptr + place, mask=mask, other=0.0).to(tl.float32)
            tl.store(sum_ptr + place, x.to(sum_ptr.dtype.element_ty), mask=mask)
        factor = tl.rsqrt(tl.sum(x * x, 1) / HIDDEN + epsilon)
        y = (x * factor[:, None]).to(weight.dtype) * weight[None, :]
        y = tl.reshape(y.to(tl.float32), (ROWS, BLOCK // GROUP, GROUP))
        scale = tl.maximum(tl.max(tl.abs(y), 2), 1e-10) / 448.0
        q = tl.reshape((y / scale[:, :, None]).to(tl.float8e4nv), (ROWS, BLOCK))
        tl.store(q_ptr + place, q, mask=mask)
        scale_place = row.to(tl.int64)[:, None] * (HIDDEN // GROUP) + groups[None, :]
        scale_mask = (row < rows)[:, None] & (groups < HIDDEN // GROUP)[None, :]
        tl.store(scale_ptr + scale_place, scale, mask=scale_mask)


def launch(
    config: Config,
    x: Tensor,
    residual: Tensor | None,
    weight: Tensor,
    q: Tensor,
    scale: Tensor,
    total: Tensor | None,
    processors: int,
    warm_up: bool = False,
) -> None:
    """One launch on contiguous matrices, groups of 128; with `warm_up` only the compilation."""
    rows, hidden = x.shape
    sets = (rows + config.rows - 1) // config.rows
    grid = (min(sets, processors * config.persistent) if config.persistent else sets,)
    pointers = (x, x if residual is None else residual, weight, q, scale, x if total is None else total)
    constants = {
        "ADD": residual is not None,
        "HIDDEN": hidden,
        "BLOCK": triton.next_power_of_2(hidden),
        "GROUP": 128,
        "ROWS": config.rows,
        "num_warps": config.warps,
    }
    if warm_up:
        norm_group_quant.warmup(*pointers, rows, 1e-6, grid=grid, **constants)
    else:
        norm_group_quant[grid](*pointers, rows, 1e-6, **constants)
