"""The compiled `floor.cu`: copies of as many bytes as a fused kernel moves, and an empty kernel.

In: tensors. Out: launches on the current stream. Built by nvcc into the kernel cache, once for each source.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import torch
from torch import Tensor

from patdsl.kernels.build import cache_folder

ROW_FORMS = (1, 2, 4, 22)
FLAT_FORMS = (101, 102, 104, 122)
EARLY, AHEAD = 1000, 2000  # more: begins before the kernel in front has ended; also fetches before that
STREAM_FORMS = tuple(
    (units, threads, early) for early in (0, 1, 2) for units in (1, 2, 4) for threads in (128, 256, 512)
)
_HERE = Path(__file__).parent


def copy_forms(hidden: int) -> tuple[int, ...]:
    """The forms of `Floor.copy` that take rows of `hidden` elements."""
    plain = (*(form for form in ROW_FORMS if hidden <= 8 * 1024), *FLAT_FORMS)
    return (*plain, *(form + more for more in (EARLY, AHEAD) for form in plain))


def begins_early(form: int | tuple[int, int, int]) -> bool:
    return form[2] > 0 if isinstance(form, tuple) else form >= EARLY


def stream() -> int:
    return int(torch.cuda.current_stream().cuda_stream)


def build() -> Path:
    """The library, compiled now if the cache has none for this source."""
    source = _HERE / "floor.cu"
    compiler = os.environ.get("PATDSL_NVCC") or shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    major, minor = torch.cuda.get_device_capability()
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    made = cache_folder() / f"bench-floor-sm_{major}{minor}-{digest}.so"
    if not made.is_file():
        made.parent.mkdir(parents=True, exist_ok=True)
        work = made.with_suffix(f".{os.getpid()}")
        command = [compiler, f"-arch=sm_{major}{minor}", "-O3", "-Xcompiler", "-fPIC", "-shared"]
        subprocess.run([*command, str(source), "-o", str(work)], check=True)  # noqa: S603  our own command
        work.replace(made)
    return made


class Floor:
    """The loaded library."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        pointer, long, small = ctypes.c_void_p, ctypes.c_longlong, ctypes.c_int
        self._copy, self._stream, self._empty = library.floor_copy, library.floor_stream, library.floor_empty
        self._copy.argtypes = [*[pointer] * 7, long, long, *[small] * 4, pointer]
        self._stream.argtypes = [pointer, pointer, long, long, *[small] * 3, pointer]
        self._empty.argtypes = [long, small, pointer]

    def copy(
        self,
        x: Tensor,
        other: Tensor | None,
        weight: Tensor | None,
        result: Tensor,
        total: Tensor | None,
        scale: Tensor | None,
        scale_shift: int,
        form: int,
    ) -> None:
        """Reads x (its first half and `other`, where `other` is the second) and writes `result`, `total` and `scale`.

        x, other: bf16[rows, hidden], rows as far apart as they are in x; result: 8 or 16 bits an element.
        """
        rows, hidden = result.shape
        wide = result.element_size() == 2
        code = self._copy(
            x.data_ptr(),
            _address(other),
            _address(weight),
            None if wide else result.data_ptr(),
            result.data_ptr() if wide else None,
            _address(total),
            _address(scale),
            rows,
            hidden,
            x.stride(0),
            scale_shift,
            0 if scale is None else scale.element_size(),
            form,
            stream(),
        )
        _check(code)

    def stream(
        self, source: Tensor, target: Tensor, read: int, written: int, form: tuple[int, int, int]
    ) -> None:
        """Reads `read` bytes from where `source` begins and writes `written` where `target` does."""
        _check(self._stream(source.data_ptr(), target.data_ptr(), read, written, *form, stream()))

    def empty(self, blocks: int, threads: int) -> None:
        _check(self._empty(blocks, threads, stream()))


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _check(code: int) -> None:
    if code != 0:
        raise ValueError(f"the floor library gave error {code}")
