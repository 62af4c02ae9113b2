"""Calls every form of the kernels on allocations of exact size, for compute-sanitizer to watch.

    compute-sanitizer --tool memcheck python tests/kernels/sanitize_calls.py LIBRARY CUDART

In: a library for this machine's NVIDIA GPU, and libcudart. Out: how many calls of each function were made. It uses no
torch, whose allocator hides an access past the end; it checks no values.
"""

from __future__ import annotations

import ctypes
import itertools
import random
import struct
import sys
from collections.abc import Callable

ROWS = 3
HIDDEN = (1, 7, 31, 64, 96, 130, 1000, 1536, 2048, 4096, 4104, 7168, 8200, 20000)
SOURCES = PLAIN, NORM, ADD_NORM, GATED_NORM, SILU_MUL, GELU_MUL = range(6)
NONE, STATIC, TOKEN, GROUP, MX = range(5)
QUANTS = ((NONE, 0), (STATIC, 0), (TOKEN, 0), (GROUP, 32), (GROUP, 64), (GROUP, 128), (MX, 32))
#: Which form, bytes that x is off a 16-byte boundary by, elements between rows, whether results lie over inputs.
LAYOUTS = (
    *((config, 0, 0, False) for config in (0, 1, 2, 3, 4, 5, 6, -1)),
    *((0, 2, 0, False), (0, 0, 24, False), (0, 0, 3, True), (0, 0, 0, True)),
)
FIELDS = struct.Struct("=8Q13qd10qQ")


class Memory:
    """Allocations of exact size, filled with noise; `free` ends them all."""

    def __init__(self, runtime: ctypes.CDLL) -> None:
        self.runtime = runtime
        self._pointers: list[ctypes.c_void_p] = []

    def make(self, size: int, offset: int = 0) -> int:
        """The address of `size` bytes, `offset` past the boundary that an allocation begins at."""
        pointer = ctypes.c_void_p()
        assert self.runtime.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(size + offset)) == 0
        content = random.Random(size).randbytes(size + offset)  # noqa: S311
        assert self.runtime.cudaMemcpy(pointer, content, ctypes.c_size_t(size + offset), 1) == 0
        self._pointers.append(pointer)
        return (pointer.value or 0) + offset

    def rows(self, count: int, width: int, stride: int, size: int = 2, offset: int = 0) -> int:
        """Rows of `width` elements of `size` bytes; nothing follows the last element."""
        return self.make(((count - 1) * stride + width) * size, offset)

    def free(self) -> None:
        assert self.runtime.cudaDeviceSynchronize() == 0
        while self._pointers:
            assert self.runtime.cudaFree(self._pointers.pop()) == 0


def rows_fields(
    memory: Memory,
    turn: int,
    hidden: int,
    source: int,
    quant: int,
    group: int,
    layout: tuple[int, int, int, bool] = (0, 0, 0, False),
) -> bytes:
    """The fields of one call. `turn` chooses its options: dtype, weight, what is kept, how the scales lie."""
    config, offset, gap, in_place = layout
    width = 2 * hidden if source >= SILU_MUL else hidden
    stride, groups = hidden + gap, -(-hidden // group) if group else 1
    quantised, norm = quant != NONE, NORM <= source <= GATED_NORM
    usual = config in (1, 3) or turn % 4
    x = memory.rows(ROWS, width, width + gap, offset=offset)
    other = memory.rows(ROWS, hidden, stride) if source in (ADD_NORM, GATED_NORM) else 0
    weight = memory.make(hidden * (2 if usual else 4)) if norm and (usual or turn % 8) else 0
    q = memory.rows(ROWS, hidden, stride, 1) if quantised else 0
    each = 1 if quant == MX else 4
    scale = memory.make(4 if quant == STATIC else ROWS * groups * each) if quantised else 0
    scale2 = memory.make(ROWS * groups * each) if quant in (GROUP, MX) and turn % 3 == 0 else 0
    y_width = hidden if quantised or in_place or turn % 2 else hidden + turn % 130
    y = 0
    if not quantised or turn % 2:
        y = x if in_place and source < SILU_MUL else memory.rows(ROWS, y_width, y_width + gap)
    total = 0
    if source == ADD_NORM:
        total = other if in_place else memory.rows(ROWS, hidden, stride)
    by_rows, by_columns = (groups, 1), (1, ROWS)
    return FIELDS.pack(
        *(x, other, weight, q, scale, scale2, y, total),
        *(ROWS, hidden, y_width, hidden if usual or not norm else (hidden + 1) // 2),
        *(width + gap, stride, stride, y_width + gap, stride),
        *(by_columns if turn % 5 == 0 and groups > 1 else by_rows),
        *by_columns,
        1e-6,
        *(source, quant, group, turn % 7 == 0 and config not in (1, 3), not usual, not usual and weight != 0),
        *(turn % 6 == 0 and quant != MX and config not in (1, 3), turn % 2, config, 0, 0),
    )


def rows_calls(memory: Memory, call: Callable[[bytes], int]) -> int:
    calls = 0
    for turn, (hidden, source, (quant, group), layout) in enumerate(
        itertools.product(HIDDEN, SOURCES, QUANTS, LAYOUTS)
    ):
        config = layout[0]
        if (source, quant) == (PLAIN, NONE) or (config in (1, 3) and (quant, group) != (GROUP, 128)):
            continue
        # Every form of every source, and in turn every layout of every quantisation.
        if (turn + hidden) % 3 and not (config != 0 and group == 128):
            continue
        result = call(rows_fields(memory, turn, hidden, source, quant, group, layout))
        assert result == 0 or (result == -1 and config != 0), (result, hidden, source, quant, group, layout)
        memory.free()
        calls += result == 0
    return calls


def dual_calls(memory: Memory, call: Callable[[bytes], int]) -> int:
    calls = 0
    for turn, (first, second, (quant, group)) in enumerate(
        itertools.product(
            (7, 512, 1536, 20000), (1, 512, 576), ((NONE, 0), (TOKEN, 0), (GROUP, 32), (GROUP, 128))
        )
    ):
        # One of the two dtypes for both halves: turns of the same parity.
        for layout in ((0, 0, 0, False), (0, 2, 0, False), (0, 0, 40, False)):
            halves = (
                rows_fields(memory, 6 * turn + 1, first, NORM, quant, group, layout),
                rows_fields(memory, 6 * turn + 3, second, NORM, NONE, 0, layout),
            )
            assert call(b"".join(halves)) == 0, (first, second, quant, group, layout)
            memory.free()
            calls += 1
    return calls


def main() -> None:
    library, memory = ctypes.CDLL(sys.argv[1]), Memory(ctypes.CDLL(sys.argv[2]))
    for function, make in (("patdsl_rows", rows_calls), ("patdsl_dual_norm", dual_calls)):
        sys.stdout.write(f"{function}: {make(memory, library[function])} calls\n")


if __name__ == "__main__":
    main()
