"""The loaded libraries, one for each architecture among this machine's GPUs.

In: a library's path, or a device's index. Out: C functions by name. Builds a library at its first use. Launches
nothing.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from patdsl.kernels.build import build
from patdsl.kernels.errors import KernelError
from patdsl.kernels.toolchain import AMD, check_arch

CFunction = Callable[[bytes], int]


def load(path: Path, arch: str) -> ctypes.CDLL:
    """The library at `path`, which must be one for `arch`. Raises KernelError."""
    try:
        loaded = ctypes.CDLL(str(path))
    except OSError as error:
        runtime = "ROCm's runtime (libamdhip64)" if arch in AMD else "the CUDA runtime"
        raise KernelError(
            f"cannot load the kernel library {path} for {arch}: {error}; it needs {runtime} on this machine, and a "
            "GPU of that kind to run on"
        ) from None
    try:
        loaded.patdsl_arch.restype = ctypes.c_char_p
        found = loaded.patdsl_arch().decode()
    except AttributeError:
        raise KernelError(f"{path} is not a kernel library of patdsl: it has no patdsl_arch") from None
    if found != arch:
        raise KernelError(f"the kernel library {path} was built for {found}, and the GPU is {arch}")
    return loaded


def device_arch(index: int) -> str:
    """The architecture of GPU `index`, such as `sm_90`. Raises KernelError without one, or for an unsupported one."""
    if not torch.cuda.is_available():
        raise KernelError(
            f"there is no GPU that this torch ({torch.__version__}) can use; the kernels need one, and on the CPU the "
            "ops run as plain torch"
        )
    if torch.version.hip is not None:
        return check_arch(str(torch.cuda.get_device_properties(index).gcnArchName).split(":")[0])
    major, minor = torch.cuda.get_device_capability(index)
    return check_arch(f"sm_{major}{minor}")


def fp8_dtype(arch: str) -> torch.dtype:
    """The fp8 format that the kernels of `arch` write."""
    return torch.float8_e4m3fnuz if arch == "gfx942" else torch.float8_e4m3fn


@functools.cache
def function(name: str, index: int) -> CFunction:
    """The C function `name` for GPU `index`; it takes the fields of a call as bytes. Builds where needed."""
    try:
        loaded = _library(device_arch(index))
    except KernelError as error:
        raise KernelError(f"{error}\nPATDSL_KERNELS=0 in the environment makes the ops plain torch") from None
    found = getattr(loaded, name)
    found.argtypes = (ctypes.c_char_p,)
    found.restype = ctypes.c_int
    result: CFunction = found
    return result


@functools.cache
def _library(arch: str) -> ctypes.CDLL:
    return load(build(arch, progress=_say), arch)


def _say(line: str) -> None:
    sys.stderr.write(f"patdsl kernels: {line}\n")
