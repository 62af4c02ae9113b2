"""Calls every form of the rotary and cache kernels once, on allocations of exact size, for compute-sanitizer to watch.

    compute-sanitizer --tool memcheck python tests/kernels/sanitize_rope_calls.py LIBRARY CUDART

In: a library for this machine's NVIDIA GPU, and libcudart. Out: how many calls were made. It uses no torch, whose
allocator hides an access past the end; it checks no values.
"""

from __future__ import annotations

import ctypes
import random
import struct
import sys

TOKENS, BLOCKS, BLOCK_SIZE, POSITIONS = 5, 3, 4, 11


def main() -> None:
    library, runtime = ctypes.CDLL(sys.argv[1]), ctypes.CDLL(sys.argv[2])
    pointers: list[ctypes.c_void_p] = []

    def allocate(content: bytes, offset: int = 0) -> int:
        pointer = ctypes.c_void_p()
        size = ctypes.c_size_t(len(content) + offset)
        assert runtime.cudaMalloc(ctypes.byref(pointer), size) == 0
        assert runtime.cudaMemcpy(pointer, bytes(offset) + content, size, 1) == 0
        pointers.append(pointer)
        return (pointer.value or 0) + offset

    def numbers(*values: int) -> int:
        return allocate(struct.pack(f"={len(values)}q", *values))

    def noise(values: int, size: int = 2, offset: int = 0) -> int:
        return allocate(random.Random(values).randbytes(values * size), offset)  # noqa: S311

    calls = 0
    for size, turn, offset in (
        (64, 64, 0),
        (128, 64, 0),
        (256, 256, 0),
        (128, 128, 2),
        (80, 40, 0),
        (7, 4, 0),
    ):
        for q_heads, kv_heads in ((32, 8), (3, 1), (129, 2)):
            for config in (0, 1, 3, 1000):
                for dtype in (0, 1):
                    for neox in (0, 1):
                        for fp8 in (0, 1):
                            q_width, kv_width = q_heads * size, kv_heads * size
                            page = kv_width
                            block = page * BLOCK_SIZE
                            cos_sin = noise(POSITIONS * turn, 2 + 2 * fp8)
                            places = (numbers(0, 10, 3, -1, 11), cos_sin, numbers(0, 11, -1, 12, 5))
                            sizes = (TOKENS, TOKENS, POSITIONS, turn, turn, BLOCKS, BLOCK_SIZE)
                            q, q_out = noise(TOKENS * q_width, 2, offset), noise(TOKENS * q_width)
                            q_steps = (q_width, size) * 3
                            k, k_out = noise(TOKENS * kv_width), noise(TOKENS * kv_width)
                            caches = [noise(BLOCKS * block, 2 - fp8) for _ in range(2)]
                            scale = allocate(struct.pack("=f", 0.5))
                            cache_steps = (block, page, size)
                            fields = (
                                *places,
                                *sizes,
                                *(q, q + 2 * turn, q_out, q_out + 2 * turn, q_heads, size - turn, *q_steps),
                                *(k, k_out, caches[0], scale, kv_heads, size - turn),
                                *(kv_width, size, kv_width, size, *cache_steps),
                                *(noise(TOKENS * kv_width), caches[1], scale, kv_heads, size),
                                *(kv_width, size, *cache_steps),
                                *(fp8, neox, fp8, dtype, config, 0, 0),
                            )
                            assert library.patdsl_rope(struct.pack("=52q", *fields)) == 0
                            assert runtime.cudaDeviceSynchronize() == 0
                            calls += 1
                            while pointers:
                                runtime.cudaFree(pointers.pop())
    sys.stdout.write(f"{calls} calls\n")


if __name__ == "__main__":
    main()
