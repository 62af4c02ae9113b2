"""Compiles the kernels for GPUs without one, and reads from the compilers' output what each kernel needs.

In: an architecture. Out: for each kernel its registers, LDS, spills, scratch and the instructions that matter. Judges
nothing. AMD code is compiled by the clang of the `ziglang` package, without ROCm's headers and libraries.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from patdsl.locate import kernels_folder

AMD = ("gfx942", "gfx950")
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
_DTYPES = {"4Bf16": "bf16", "3F16": "f16"}
_MANGLED = re.compile(
    r"_ZN6patdsl\d+norm_group_quant_(held|looped)INS_(4Bf16|3F16)ELb([01])ELi(\d+)EL([ib])(\d)EEEvNS_"
)
# A rotary kernel: its dtype, how it reads a head, whether its cache is fp8.
_ROPE = re.compile(r"_ZN6patdsl\d+rope_cacheINS_(4Bf16|3F16)ELi([012])ELb([01])EEEvNS_")
_ROPE_FORMS = ("neox", "pairs", "unaligned")

Resources = dict[str, int]


def sources() -> list[Path]:
    return sorted(kernels_folder().joinpath("src").glob("*.hip"))


def short_name(symbol: str) -> str:
    """`bf16 add group128 held2` of a mangled kernel name."""
    rope = _ROPE.match(symbol)
    if rope:
        cache = "fp8 cache " if rope[3] == "1" else "cache "
        return f"{_DTYPES[rope[1]]} rope {cache}{_ROPE_FORMS[int(rope[2])]}"
    found = _MANGLED.match(symbol)
    assert found, f"a kernel that the audit does not know: {symbol}"
    form, dtype, add, group, kind, last = found.groups()
    tail = last if kind == "i" else ("" if last == "1" else " unaligned")
    return f"{_DTYPES[dtype]} {'add' if add == '1' else 'norm'} group{group} {form}{tail}"


def amd_compile(arch: str, source: Path, output: Path, assembly: bool) -> None:
    """`source` to assembly or to a relocatable object, device code only."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs the ziglang package, for its clang")
    folder = kernels_folder()
    command = [sys.executable, "-m", "ziglang", "clang", "-x", "hip", "--offload-device-only", "-nogpuinc"]
    command += ["-nogpulib", "-O3", "-std=c++17", f"--offload-arch={arch}", "-mcode-object-version=5"]
    command += ["-Wall", "-Wextra", "-Werror", "-DPATDSL_HEADER_FREE", f'-DPATDSL_ARCH="{arch}"']
    command += [f"-I{folder / 'include'}", f"-I{folder / 'src'}", str(source), "-o", str(output)]
    command += ["-S"] if assembly else ["-fhip-emit-relocatable", "-c"]
    run(command)


def amd_link(objects: list[Path], output: Path) -> None:
    """Fails on a symbol that nothing defines."""
    run(
        [
            sys.executable,
            "-m",
            "ziglang",
            "ld.lld",
            "-shared",
            "--no-undefined",
            "-o",
            str(output),
            *map(str, objects),
        ]
    )


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


def amd_resources(assembly: str) -> dict[str, Resources]:
    """Of each kernel, by short name."""
    found: dict[str, Resources] = {}
    metadata = assembly[assembly.index("amdhsa.kernels:") :]
    for entry in re.split(r"\n  - ", metadata)[1:]:
        name = re.search(r"\.name:\s+(\S+)", entry)
        if name is None:
            continue
        values = {key: re.search(rf"\.{field}:\s+(\d+)", entry) for key, field in _FIELDS.items()}
        numbers = {key: int(value[1]) for key, value in values.items() if value}
        body = assembly[
            assembly.index(f"\n{name[1]}:") : assembly.index("s_endpgm", assembly.index(f"\n{name[1]}:"))
        ]
        counts = {key: len(re.findall(text, body)) for key, text in _INSTRUCTIONS.items()}
        found[short_name(name[1])] = numbers | counts
    return found


def nvidia_resources(source: Path, output: Path) -> dict[str, Resources]:
    """Registers, shared memory and spills of each kernel for sm_90, as ptxas reports them."""
    compiler = shutil.which("nvcc")
    if compiler is None:
        pytest.skip("needs nvcc")
    folder = kernels_folder()
    command = [
        compiler,
        "-x",
        "cu",
        "-arch=sm_90",
        "-O3",
        "-std=c++17",
        '-DPATDSL_ARCH="sm_90"',
        "-Xptxas",
        "-v",
    ]
    command += [f"-I{folder / 'include'}", f"-I{folder / 'src'}", "-cubin", str(source), "-o", str(output)]
    report = run(command)
    pattern = re.compile(
        r"entry function '(\S+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
        r".*?Used (\d+) registers([^\n]*)",
        re.DOTALL,
    )
    shared = re.compile(r"(\d+) bytes smem")
    return {
        short_name(symbol): {
            "registers": int(registers),
            "shared": sum(map(int, shared.findall(rest))),
            "spills": int(stores) + int(loads),
            "stack": int(stack),
        }
        for symbol, stack, stores, loads, registers, rest in pattern.findall(report)
    }
