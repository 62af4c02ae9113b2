"""Calls every form of the kernels once, on allocations of exact size, for compute-sanitizer to watch.

    compute-sanitizer --tool memcheck python tests/kernels/sanitize_calls.py LIBRARY CUDART

In: a library for this machine's NVIDIA GPU, and libcudart. Out: how many calls were made. It uses no torch, whose
allocator hides an access past the end; it checks no values.
"""

from __future__ import annotations

import ctypes
import random
import struct
import sys


def main() -> None:
    library, runtime = ctypes.CDLL(sys.argv[1]), ctypes.CDLL(sys.argv[2])
    pointers: list[ctypes.c_void_p] = []

    def allocate(size: int, offset: int = 0) -> int:
        pointer = ctypes.c_void_p()
        assert runtime.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(size + offset)) == 0
        content = random.Random(size).randbytes(size + offset)  # noqa: S311
        assert runtime.cudaMemcpy(pointer, content, ctypes.c_size_t(size + offset), 1) == 0
        pointers.append(pointer)
        return (pointer.value or 0) + offset

    calls = 0
    for hidden in (7, 130, 1000, 1536, 4096, 7168, 40000):
        for group in (32, 64, 128):
            for dtype in (0, 1):
                for add in (False, True):
                    for config, offset in ((0, 0), (1, 0), (2, 0), (4, 0), (-1, 0), (0, 2)):
                        rows, groups = 3, (hidden + group - 1) // group
                        size = 2 * rows * hidden
                        fields = (
                            allocate(size, offset),
                            allocate(size) if add else 0,
                            allocate(2 * hidden),
                            allocate(rows * hidden),
                            allocate(4 * rows * groups),
                            allocate(size) if calls % 2 else 0,
                            allocate(size) if add else 0,
                            *(rows, hidden, group, hidden, hidden, hidden, hidden, hidden),
                            *((groups, 1) if calls % 3 else (1, rows)),
                            *(1e-6, dtype, config, 0, 0),
                        )
                        result = library.patdsl_norm_group_quant(struct.pack("=7Q3q7qd3qQ", *fields))
                        assert result in (0, -1), result  # -1: a form that does not take this size
                        assert result == 0 or config in (1, 2, 4), (hidden, config)
                        assert runtime.cudaDeviceSynchronize() == 0
                        calls += result == 0
                        while pointers:
                            runtime.cudaFree(pointers.pop())
    sys.stdout.write(f"{calls} calls\n")


if __name__ == "__main__":
    main()
