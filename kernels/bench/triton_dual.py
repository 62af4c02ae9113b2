"""The dual norm of latent attention in Triton: two norms of slices of one row, the first perhaps quantised.

In: pointers, as `triton_rows.py` has them, for each half. Out: the results of both by one launch. SPLIT gives each half
programs of its own; else a program takes both halves of its rows. EARLY: launched before
the kernel in front has ended, and waits for that.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait
from triton_rows import one_set, weights_of

# Triton reads the annotations of its kernels as constants or nothing.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, N803, N806


@triton.jit
def half(
    x_ptr,
    weight_ptr,
    q_ptr,
    scale_ptr,
    y_ptr,
    row,
    rows,
    epsilon,
    QUANT: tl.constexpr,
    HIDDEN: tl.constexpr,
    STRIDE: tl.constexpr,
    PARTS: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    VECTOR: tl.constexpr,
):
    MASKED: tl.constexpr = PARTS[len(PARTS) - 1][0] + PARTS[len(PARTS) - 1][1] != HIDDEN
    weights = weights_of(weight_ptr, HIDDEN, PARTS, ROWS, MASKED)
    one_set(
        x_ptr, x_ptr, weights, q_ptr, scale_ptr, y_ptr, y_ptr, row, rows, 0, epsilon,
        "norm", QUANT, HIDDEN, HIDDEN, STRIDE, PARTS, GROUP, ROWS, VECTOR, MASKED, False, 0,
    )  # fmt: skip


@triton.jit(do_not_specialize=["rows"])
def dual_kernel(
    first_ptr,
    first_weight_ptr,
    q_ptr,
    scale_ptr,
    first_y_ptr,
    second_ptr,
    second_weight_ptr,
    second_y_ptr,
    rows,
    epsilon,
    QUANT: tl.constexpr,
    FIRST: tl.constexpr,
    SECOND: tl.constexpr,
    STRIDE: tl.constexpr,
    PARTS: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    VECTOR: tl.constexpr,
    SPLIT: tl.constexpr,
    EARLY: tl.constexpr,
):
    if EARLY:
        gdc_launch_dependents()
        gdc_wait()
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    if (not SPLIT) or tl.program_id(1) == 0:
        half(
            first_ptr, first_weight_ptr, q_ptr, scale_ptr, first_y_ptr, row, rows, epsilon,
            QUANT, FIRST, STRIDE, PARTS, GROUP, ROWS, VECTOR,
        )  # fmt: skip
    if (not SPLIT) or tl.program_id(1) == 1:
        half(
            second_ptr, second_weight_ptr, second_y_ptr, second_y_ptr, second_y_ptr, row, rows, epsilon,
            "none", SECOND, STRIDE, ((0, SECOND),), 0, ROWS, VECTOR,
        )  # fmt: skip
