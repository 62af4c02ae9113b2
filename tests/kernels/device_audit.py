"""Compiles the kernels for GPUs without one, and reads from the compilers' output what each kernel needs.

In: an architecture. Out: for each kernel its registers, LDS, spills, scratch and the instructions that matter. Judges
nothing. AMD code is compiled by the clang of the `ziglang` package, without ROCm's headers and libraries. Kernels go by
their names in the source: `rows_held<Bf16, Plain<Bf16>, TokenQuant<Bf16>, 2>`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from patdsl.locate import kernels_folder

AMD = ("gfx942", "gfx950")
NVIDIA = "sm_90"
_FIELDS = {
    "vgpr": "vgpr_count",
    "sgpr": "sgpr_count",
    "lds": "group_segment_fixed_size",
    "scratch": "private_segment_fixed_size",
    "vgpr_spills": "vgpr_spill_count",
    "sgpr_spills": "sgpr_spill_count",
}
_INSTRUCTIONS = {
    "calls": "s_swappc",
    "loads16": "global_load_dwordx4",
    "fp8": "v_cvt_pk_fp8_f32",
    "bpermute": "ds_bpermute",
}

Resources = dict[str, int]


@attrs.frozen
class Kernel:
    """What a kernel needs, and on AMD GPUs its assembly."""

    resources: Resources
    body: str = ""


def sources() -> list[Path]:
    return sorted(kernels_folder().joinpath("src").glob("*.hip"))


def short_names(symbols: Iterable[str]) -> list[str]:
    """The names in the source of mangled ones, without the namespace and the arguments."""
    tool = shutil.which("c++filt")
    if tool is None:
        pytest.skip("needs c++filt, of binutils")
    done = subprocess.run([tool], input="\n".join(symbols), capture_output=True, text=True, check=True)
    names = [re.sub(r"^void |patdsl::", "", line) for line in done.stdout.split("\n") if line]
    return [name[: name.rindex("(")] for name in names]


def amd_compile(arch: str, source: Path, output: Path) -> None:
    """The device code of `source`, as assembly."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs the ziglang package, for its clang")
    folder = kernels_folder()
    command = [sys.executable, "-m", "ziglang", "clang", "-x", "hip", "--offload-device-only", "-nogpuinc"]
    command += ["-nogpulib", "-O3", "-std=c++17", f"--offload-arch={arch}", "-mcode-object-version=5"]
    command += ["-Wall", "-Wextra", "-Werror", "-DPATDSL_HEADER_FREE", f'-DPATDSL_ARCH="{arch}"']
    command += [f"-I{folder / 'include'}", f"-I{folder / 'src'}", str(source), "-S", "-o", str(output)]
    run(command)


def amd_link(arch: str, assemblies: Iterable[Path], output: Path) -> None:
    """One code object. Fails on a symbol that nothing defines."""
    tool = [sys.executable, "-m", "ziglang"]
    objects = []
    for assembly in assemblies:
        objects.append(output.with_name(f"{assembly.stem}.o"))
        target = ["-target", "amdgcn-amd-amdhsa", f"-mcpu={arch}", "-mcode-object-version=5"]
        run([*tool, "clang", *target, "-x", "assembler", "-c", str(assembly), "-o", str(objects[-1])])
    run([*tool, "ld.lld", "-shared", "--no-undefined", "-o", str(output), *map(str, objects)])


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def amd_kernels(assembly: str) -> dict[str, Kernel]:
    """Of a file's assembly, by short name."""
    metadata = assembly.partition("amdhsa.kernels:")[2]
    symbols = re.findall(r"^\s+\.name:\s+(_Z\S+)$", metadata, re.MULTILINE)
    assert len(symbols) == assembly.count("\t.amdhsa_kernel ")
    kernels = {}
    for name, symbol in zip(short_names(symbols), symbols, strict=True):
        (entry,) = [
            one for one in metadata.split("\n  - ") if re.search(rf"\.name:\s+{symbol}$", one, re.MULTILINE)
        ]
        numbers = {key: re.search(rf"\.{field}:\s+(\d+)", entry) for key, field in _FIELDS.items()}
        begin = assembly.index(f"\n{symbol}:")
        body = assembly[begin : assembly.index("\n.Lfunc_end", begin)]
        counts = {key: body.count(text) for key, text in _INSTRUCTIONS.items()}
        kernels[name] = Kernel({key: int(value[1]) for key, value in numbers.items() if value} | counts, body)
    return kernels


def nvidia_compile(source: Path, output: Path) -> None:
    """What ptxas reports of `source`, in `output`."""
    compiler = shutil.which("nvcc")
    if compiler is None:
        pytest.skip("needs nvcc")
    folder = kernels_folder()
    command = [compiler, "-x", "cu", f"-arch={NVIDIA}", "-O3", "-std=c++17", f'-DPATDSL_ARCH="{NVIDIA}"']
    command += ["-Xptxas", "-v", f"-I{folder / 'include'}", f"-I{folder / 'src'}"]
    output.write_text(run([*command, "-cubin", str(source), "-o", str(output.with_suffix(".cubin"))]))


def nvidia_kernels(report: str) -> dict[str, Kernel]:
    """Registers, shared memory, spills and stack of each kernel."""
    entries = report.split("Compiling entry function '")[1:]
    kernels = {}
    for name, entry in zip(short_names(entry.split("'")[0] for entry in entries), entries, strict=True):
        sizes = {
            "registers": r"Used (\d+) registers",
            "shared": r"(\d+) bytes smem",
            "spill_stores": r"(\d+) bytes spill stores",
            "spill_loads": r"(\d+) bytes spill loads",
            "stack": r"(\d+) bytes stack frame",
        }
        found = {key: re.search(pattern, entry) for key, pattern in sizes.items()}
        kernels[name] = Kernel({key: int(value[1]) if value else 0 for key, value in found.items()})
    return kernels


class DeviceCode:
    """All sources compiled for some architectures, each once, side by side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, list[Path]] = {}
        self._kernels: dict[str, dict[str, Kernel]] = {}

    def files(self, arch: str) -> list[Path]:
        """Assembly for an AMD GPU, else what ptxas reports."""
        if arch not in self._files:
            folder = self._folder / arch
            folder.mkdir()
            outputs = [folder / f"{source.stem}.s" for source in sources()]
            compile_one: Callable[[Path, Path], None] = nvidia_compile
            if arch in AMD:
                compile_one = lambda source, output: amd_compile(arch, source, output)  # noqa: E731
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                list(pool.map(compile_one, sources(), outputs))
            self._files[arch] = outputs
        return self._files[arch]

    def kernels(self, arch: str) -> dict[str, Kernel]:
        """Of all files, by short name."""
        if arch not in self._kernels:
            read = amd_kernels if arch in AMD else nvidia_kernels
            files = [read(file.read_text()) for file in self.files(arch)]
            found = {name: kernel for kernels in files for name, kernel in kernels.items()}
            assert len(found) == sum(map(len, files)), "two kernels of one name"
            self._kernels[arch] = found
        return self._kernels[arch]
