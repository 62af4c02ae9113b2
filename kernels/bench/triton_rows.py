"""The row kernels in Triton: what the HIP kernels are compared with.

In: pointers of matrices on a GPU, `Shape` as constants. Out: q, scales, y and the sum, as the call asks. Rounds where
the HIP kernels do: the norm to the dtype before and after the product with the weight, q as IEEE division rounds,
by the same two products in place of a division; with APPROXIMATE by Triton's own division, which is not IEEE's.

With EARLY the kernel is launched before the one in front of it has ended (programmatic dependent launch) and waits
for its end before it reads anything, the weights too: a model that converts or shifts them writes them. 1 lets the
next one begin at once, 2 when the row is read. 3 and 4 are 1 and 2 with what the row needs fetched into the L2 cache
before the wait, as the HIP kernels do; that reads nothing.

A row is taken whole, as blocks whose sizes are powers of two: one that covers it, with a mask, or several that add up
to it. Where no sum over the row is needed, a program may take a tile of columns.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

# Triton reads the annotations of its kernels as constants or nothing.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, N803, N806, RUF005, SIM108


@triton.jit
def load_columns(
    pointer, row, column, rows, stride, HIDDEN: tl.constexpr, ROWS: tl.constexpr, MASKED: tl.constexpr
):
    place = row.to(tl.int64)[:, None] * stride + column[None, :]
    if MASKED:
        return tl.load(pointer + place, mask=(row < rows)[:, None] & (column < HIDDEN)[None, :], other=0.0)
    if ROWS > 1:
        return tl.load(pointer + place, mask=(row < rows)[:, None], other=0.0)
    return tl.load(pointer + place)


@triton.jit
def store_columns(
    pointer,
    value,
    row,
    column,
    rows,
    stride,
    HIDDEN: tl.constexpr,
    ROWS: tl.constexpr,
    MASKED: tl.constexpr,
    VECTOR: tl.constexpr = 16,
):
    place = row.to(tl.int64)[:, None] * stride + column[None, :]
    if VECTOR == 8:
        place = tl.max_contiguous(
            place, (1, 8)
        )  # else bytes are written 16 at once, in another layout than x's
    if MASKED:
        tl.store(pointer + place, value, mask=(row < rows)[:, None] & (column < HIDDEN)[None, :])
    elif ROWS > 1:
        tl.store(pointer + place, value, mask=(row < rows)[:, None])
    else:
        tl.store(pointer + place, value)


@triton.jit
def fetch_ahead(pointer):
    """A hint for the 128 bytes at each address."""
    tl.inline_asm_elementwise(
        "prefetch.global.L2 [$1]; mov.b32 $0, 0;",
        "=r,l",
        [pointer.to(tl.int64)],
        dtype=tl.int32,
        is_pure=False,
        pack=1,
    )


@triton.jit
def fetch_rows_ahead(
    x_ptr,
    other_ptr,
    weight_ptr,
    rows,
    tile,
    SOURCE: tl.constexpr,
    HIDDEN: tl.constexpr,
    STRIDE: tl.constexpr,
    PARTS: tl.constexpr,
    ROWS: tl.constexpr,
):
    """The lines of this program's first rows; past a row or the last one, those of its end."""
    row = tl.minimum(tl.program_id(0) * ROWS + tl.arange(0, ROWS), rows - 1).to(tl.int64)[:, None]
    for part in tl.static_range(len(PARTS)):
        line = tl.minimum(tile + PARTS[part][0] + 64 * tl.arange(0, PARTS[part][1] // 64), HIDDEN - 64)[
            None, :
        ]
        fetch_ahead(x_ptr + row * STRIDE + line)
        if SOURCE == "silu_mul" or SOURCE == "gelu_mul":
            fetch_ahead(x_ptr + row * STRIDE + HIDDEN + line)
        if SOURCE == "add_norm" or SOURCE == "gated_norm":
            fetch_ahead(other_ptr + row * HIDDEN + line)
        if SOURCE == "norm" or SOURCE == "add_norm" or SOURCE == "gated_norm":
            fetch_ahead(weight_ptr + line)


@triton.jit
def inverse_of(scale):
    """The inverse in two parts, the first too low for certain: value * high + value * low rounds as value / scale."""
    guess = (1.0 / scale).to(tl.int32, bitcast=True) - 3
    high = tl.where(scale == float("inf"), 0.0, guess.to(tl.float32, bitcast=True))
    low = tl.where(scale == float("inf"), 0.0, tl.fma(-scale, high, 1.0) * high)
    return high, low


@triton.jit
def divide(value, scale, APPROXIMATE: tl.constexpr):
    if APPROXIMATE:
        return value / scale
    high, low = inverse_of(scale)
    return tl.fma(value, high + tl.zeros_like(value), value * low)


@triton.jit
def activated(gate, SOURCE: tl.constexpr):
    wide = gate.to(tl.float32)
    if SOURCE == "gelu_mul":
        return 0.5 * wide * (1.0 + tl.math.erf(wide * 0.7071067811865476))
    return wide / (1.0 + tl.exp(-wide))


@triton.jit
def quantise_groups(
    y,
    q_ptr,
    scale_ptr,
    row,
    column,
    rows,
    QUANT: tl.constexpr,
    HIDDEN: tl.constexpr,
    START: tl.constexpr,
    SIZE: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    VECTOR: tl.constexpr,
    MASKED: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    tile,
):
    groups = tl.reshape(y.to(tl.float32), (ROWS, SIZE // GROUP, GROUP))
    amax = tl.max(tl.abs(groups), 2)
    group = (tile + START) // GROUP + tl.arange(0, SIZE // GROUP)
    if QUANT == "mx":
        exponent = mx_exponent(amax)
        inverse = ((254 - exponent) << 23).to(tl.float32, bitcast=True)
        levels = groups * tl.where(exponent == 255, float("nan"), inverse)[:, :, None]
        scale = exponent.to(tl.uint8)
    else:
        scale = tl.div_rn(tl.maximum(amax, 1e-10), 448.0 + tl.zeros_like(amax))
        levels = divide(groups, scale[:, :, None], APPROXIMATE)
    q = tl.reshape(levels.to(tl.float8e4nv), (ROWS, SIZE))
    store_columns(q_ptr, q, row, column, rows, HIDDEN, HIDDEN, ROWS, MASKED, VECTOR)
    store_columns(scale_ptr, scale, row, group, rows, HIDDEN // GROUP, HIDDEN // GROUP, ROWS, MASKED)


@triton.jit
def mx_exponent(amax):
    """The biased exponent of the least power of two s with amax <= 448 s; 255 where amax is not finite."""
    bits = amax.to(tl.int32, bitcast=True)
    # 448 is 1.75 * 2^8: a fraction above .75 carries into the exponent.
    found = tl.maximum(((bits + 0x1FFFFF) >> 23) - 8, 0)
    return tl.where(bits >= 0x7F800000, 255, found)


@triton.jit
def one_set(
    x_ptr,
    other_ptr,
    weights,
    q_ptr,
    scale_ptr,
    y_ptr,
    sum_ptr,
    row,
    rows,
    tile,
    epsilon,
    SOURCE: tl.constexpr,
    QUANT: tl.constexpr,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    PARTS: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    VECTOR: tl.constexpr,
    MASKED: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    EARLY: tl.constexpr,
):
    NORM: tl.constexpr = SOURCE == "norm" or SOURCE == "add_norm" or SOURCE == "gated_norm"
    HALVES: tl.constexpr = SOURCE == "silu_mul" or SOURCE == "gelu_mul"
    wide = ()
    gates = ()
    squares = tl.zeros((ROWS,), tl.float32)
    for part in tl.static_range(len(PARTS)):
        column = tile + PARTS[part][0] + tl.arange(0, PARTS[part][1])
        x = load_columns(x_ptr, row, column, rows, STRIDE, HIDDEN, ROWS, MASKED)
        if NORM:
            value = x.to(tl.float32)
            if SOURCE == "add_norm":
                residual = load_columns(other_ptr, row, column, rows, HIDDEN, HIDDEN, ROWS, MASKED)
                value += residual.to(tl.float32)
                total = value.to(sum_ptr.dtype.element_ty)
                store_columns(sum_ptr, total, row, column, rows, HIDDEN, HIDDEN, ROWS, MASKED)
            if SOURCE == "gated_norm":
                gate = load_columns(other_ptr, row, column, rows, HIDDEN, HIDDEN, ROWS, MASKED)
                gates = gates + (gate,)
            squares += tl.sum(value * value, 1)
            wide = wide + (value,)
        elif HALVES:
            second = load_columns(x_ptr + HIDDEN, row, column, rows, STRIDE, HIDDEN, ROWS, MASKED)
            wide = wide + (activated(x, SOURCE).to(x.dtype) * second,)
        else:
            wide = wide + (x,)
    if EARLY == 2 or EARLY == 4:
        gdc_launch_dependents()
    ys = ()
    amax = tl.zeros((ROWS,), tl.float32)
    factor = tl.rsqrt(squares / HIDDEN + epsilon)
    for part in tl.static_range(len(PARTS)):
        y = wide[part]
        if SOURCE == "gated_norm":
            y = y * factor[:, None] * weights[part].to(tl.float32) * activated(gates[part], SOURCE)
            y = y.to(x_ptr.dtype.element_ty)
        elif NORM:
            y = (y * factor[:, None]).to(x_ptr.dtype.element_ty) * weights[part]
        if QUANT == "token":
            amax = tl.maximum(amax, tl.max(tl.abs(y.to(tl.float32)), 1))
        ys = ys + (y,)
    token = tl.maximum(tl.div_rn(amax, 448.0 + tl.zeros_like(amax)), 1.0 / (512.0 * 448.0))
    if QUANT == "static":
        inverse = tl.div_rn(1.0, tl.load(scale_ptr))
    for part in tl.static_range(len(PARTS)):
        column = tile + PARTS[part][0] + tl.arange(0, PARTS[part][1])
        y = ys[part]
        if QUANT == "none":
            store_columns(y_ptr, y, row, column, rows, WIDTH, WIDTH, ROWS, MASKED)
        elif QUANT == "static":
            q = (y.to(tl.float32) * inverse).to(tl.float8e4nv)
            store_columns(q_ptr, q, row, column, rows, HIDDEN, HIDDEN, ROWS, MASKED, VECTOR)
        elif QUANT == "token":
            q = divide(y.to(tl.float32), token[:, None], APPROXIMATE).to(tl.float8e4nv)
            store_columns(q_ptr, q, row, column, rows, HIDDEN, HIDDEN, ROWS, MASKED, VECTOR)
        else:
            quantise_groups(
                y,
                q_ptr,
                scale_ptr,
                row,
                column,
                rows,
                QUANT,
                HIDDEN,
                PARTS[part][0],
                PARTS[part][1],
                GROUP,
                ROWS,
                VECTOR,
                MASKED,
                APPROXIMATE,
                tile,
            )
    if QUANT == "token":
        tl.store(scale_ptr + row, token, mask=row < rows)


@triton.jit
def weights_of(pointer, HIDDEN: tl.constexpr, PARTS: tl.constexpr, ROWS: tl.constexpr, MASKED: tl.constexpr):
    """By part, read in the shape of x, so that they come in x's layout and need no exchange between threads."""
    weights = ()
    for part in tl.static_range(len(PARTS)):
        column = tl.broadcast_to(
            (PARTS[part][0] + tl.arange(0, PARTS[part][1]))[None, :], (ROWS, PARTS[part][1])
        )
        if MASKED:
            weight = tl.load(pointer + column, mask=column < HIDDEN, other=0.0)
        else:
            weight = tl.load(pointer + column)
        weights = weights + (weight,)
    return weights


@triton.jit(do_not_specialize=["rows"])
def row_kernel(
    x_ptr,
    other_ptr,
    weight_ptr,
    q_ptr,
    scale_ptr,
    y_ptr,
    sum_ptr,
    rows,
    epsilon,
    SOURCE: tl.constexpr,
    QUANT: tl.constexpr,
    HIDDEN: tl.constexpr,
    WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    PARTS: tl.constexpr,
    TILE: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    VECTOR: tl.constexpr,
    PERSISTENT: tl.constexpr,
    APPROXIMATE: tl.constexpr,
    EARLY: tl.constexpr,
):
    MASKED: tl.constexpr = TILE == 0 and PARTS[len(PARTS) - 1][0] + PARTS[len(PARTS) - 1][1] != HIDDEN
    tile = tl.program_id(1) * TILE
    if EARLY >= 3:
        fetch_rows_ahead(x_ptr, other_ptr, weight_ptr, rows, tile, SOURCE, HIDDEN, STRIDE, PARTS, ROWS)
    if EARLY == 1 or EARLY == 3:
        gdc_launch_dependents()
    if EARLY:
        gdc_wait()
    weights = ()
    if SOURCE == "norm" or SOURCE == "add_norm" or SOURCE == "gated_norm":
        weights = weights_of(weight_ptr, HIDDEN, PARTS, ROWS, MASKED)
    if PERSISTENT:
        for start in range(tl.program_id(0) * ROWS, rows, tl.num_programs(0) * ROWS):
            row = start + tl.arange(0, ROWS)
            one_set(
                x_ptr, other_ptr, weights, q_ptr, scale_ptr, y_ptr, sum_ptr, row, rows, tile, epsilon,
                SOURCE, QUANT, HIDDEN, WIDTH, STRIDE, PARTS, GROUP, ROWS, VECTOR, MASKED, APPROXIMATE, EARLY,
            )  # fmt: skip
    else:
        row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
        one_set(
            x_ptr, other_ptr, weights, q_ptr, scale_ptr, y_ptr, sum_ptr, row, rows, tile, epsilon,
            SOURCE, QUANT, HIDDEN, WIDTH, STRIDE, PARTS, GROUP, ROWS, VECTOR, MASKED, APPROXIMATE, EARLY,
        )  # fmt: skip
