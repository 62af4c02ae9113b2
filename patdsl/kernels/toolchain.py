"""Which compiler makes a kernel library for an architecture, and how it is called.

In: an architecture such as `gfx942` or `sm_90`, the environment. Out: a `Toolchain`, or KernelError. Compiles nothing.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import attrs

from patdsl.kernels.errors import KernelError

AMD = ("gfx942", "gfx950")
OLDEST_NVIDIA = 89  # the first compute capability that converts to fp8
_SM = re.compile(r"sm_([1-9][0-9]{1,2})", re.ASCII)


@attrs.frozen
class Toolchain:
    """A compiler for one architecture. `version` is all that it says of itself."""

    arch: str
    compiler: Path
    version: str

    def compile_command(self, source: Path, output: Path, includes: Sequence[Path]) -> list[str]:
        """The command that makes the object `output` of `source`."""
        return [
            *self._common(),
            *(f"-I{folder}" for folder in includes),
            "-c",
            str(source),
            "-o",
            str(output),
        ]

    def link_command(self, objects: Sequence[Path], output: Path) -> list[str]:
        """The command that makes the shared library `output`."""
        target = [f"--offload-arch={self.arch}"] if self.arch in AMD else [f"-arch={self.arch}"]
        return [str(self.compiler), *target, "-shared", *map(str, objects), "-o", str(output)]

    def _common(self) -> list[str]:
        shared = ["-O3", "-std=c++17", f'-DPATDSL_ARCH="{self.arch}"']
        if self.arch in AMD:
            return [str(self.compiler), "-x", "hip", f"--offload-arch={self.arch}", "-fPIC", *shared]
        return [str(self.compiler), "-x", "cu", f"-arch={self.arch}", "-Xcompiler", "-fPIC", *shared]


def check_arch(arch: str) -> str:
    """`arch` itself, if the kernels can be built for it. Raises KernelError saying what is accepted."""
    number = _SM.fullmatch(arch)
    if arch in AMD or (number and int(number[1]) >= OLDEST_NVIDIA):
        return arch
    raise KernelError(
        f"there are no kernels for {arch!r}; accepted: {', '.join(AMD)}, and sm_{OLDEST_NVIDIA} and newer"
    )


def find_toolchain(arch: str) -> Toolchain:
    """The compiler for `arch`: `PATDSL_HIPCC` or `PATDSL_NVCC`, else on the PATH, else where its maker installs it.

    Raises KernelError where there is none, or where it does not run.
    """
    amd = check_arch(arch) in AMD
    name, override = ("hipcc", "PATDSL_HIPCC") if amd else ("nvcc", "PATDSL_NVCC")
    homes = (
        (os.environ.get("ROCM_PATH"), "/opt/rocm")
        if amd
        else (os.environ.get("CUDA_HOME"), "/usr/local/cuda")
    )
    named = os.environ.get(override)
    found = named or shutil.which(name) or _first_file([Path(home, "bin", name) for home in homes if home])
    if found is None:
        kit = "ROCm" if amd else "the CUDA toolkit"
        raise KernelError(
            f"cannot build kernels for {arch}: there is no {name} on the PATH or in {homes[1]}/bin; "
            f"install {kit}, or set {override} to the compiler's path"
        )
    return Toolchain(arch, Path(found), _version(found))


def _first_file(paths: Sequence[Path]) -> str | None:
    return next((str(path) for path in paths if path.is_file()), None)


@functools.cache
def _version(compiler: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  the compiler that the user has or named
            [compiler, "--version"], capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError as error:
        raise KernelError(f"cannot run the compiler {compiler}: {error.strerror}") from None
    if done.returncode != 0:
        raise KernelError(f"{compiler} --version ended with {done.returncode}: {done.stderr.strip()[:300]}")
    return done.stdout.strip()
