"""The kernels compile for every architecture, need nothing that is not there, and need no more than the table says.

`resources.json` is the table, a line a kernel; `--update-goldens` writes it anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import device_audit
import pytest
from device_audit import AMD, NVIDIA, DeviceCode

pytestmark = pytest.mark.slow

TABLE = Path(__file__).with_name("resources.json")
#: What must be 0, and is not in the table.
NOTHING = (
    *("vgpr_spills", "sgpr_spills", "scratch", "calls", "bpermute"),
    *("spill_stores", "spill_loads", "stack"),
)
#: Kernels that take rows of any alignment, element by element.
SLOW = re.compile(r"rows_looped<.*, false>|dual_looped<.*|rope_cache<\w+, 2, \w+>")
#: Kernels that make fp8 values.
QUANTISES = re.compile(r".*Quant<.*|rope_cache<\w+, \d, true>")

Table = dict[str, dict[str, dict[str, int]]]


def read_table() -> Table:
    return json.loads(TABLE.read_text()) if TABLE.exists() else {}


def write_table(table: Table) -> None:
    archs = [
        f"{json.dumps(arch)}: {{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(table[arch][name])}" for name in sorted(table[arch]))
        + "\n}"
        for arch in sorted(table)
    ]
    TABLE.write_text("{\n" + ",\n".join(archs) + "\n}\n")


def check_table(arch: str, device_code: DeviceCode, request: pytest.FixtureRequest) -> None:
    """Nothing of what must be 0; the rest as in the table."""
    found = {}
    for name, kernel in device_code.kernels(arch).items():
        needs = dict(kernel.resources)
        wasted = [needs.pop(key, 0) for key in NOTHING]
        assert not any(wasted), f"{arch}: {name} needs {kernel.resources}"
        found[name] = needs
    if request.config.getoption("--update-goldens"):
        write_table(read_table() | {arch: found})
    wanted = read_table()[arch]
    assert set(found) == set(wanted)
    changed = {name: (needs, wanted[name]) for name, needs in found.items() if needs != wanted[name]}
    assert not changed, f"{arch}: found, and in the table"


@pytest.mark.parametrize("arch", AMD)
def test_amd_resources(arch: str, device_code: DeviceCode, request: pytest.FixtureRequest) -> None:
    for name, kernel in device_code.kernels(arch).items():
        needs = kernel.resources
        quantises = QUANTISES.fullmatch(name) is not None
        assert (needs["fp8"] > 0) == quantises, f"{name}: {needs['fp8']} packed fp8 conversions"
        slow = SLOW.fullmatch(name) is not None
        assert (needs["loads16"] > 0) != slow, f"{name}: {needs['loads16']} loads of 16 bytes"
        assert needs["lds"] <= 1024, f"{name}: {needs['lds']} bytes of LDS"
    check_table(arch, device_code, request)


def test_the_expected_kernels(device_code: DeviceCode) -> None:
    """The names say what the kernels are, and each is there for both dtypes."""
    names = set(device_code.kernels("gfx942"))
    assert "rows_held<Bf16, Norm<Bf16, false, true>, Group128Quant<Bf16>, 2, false>" in names
    assert "rows_looped<F16, ActivationMul<F16, true>, TokenQuant<F16>, false>" in names
    assert {name.replace("Bf16", "F16") for name in names if "Bf16" in name} == {
        name for name in names if "Bf16" not in name
    }
    assert any(SLOW.fullmatch(name) for name in names)


@pytest.mark.parametrize("arch", AMD)
def test_amd_link(arch: str, device_code: DeviceCode, tmp_path: Path) -> None:
    device_audit.amd_link(arch, device_code.files(arch), tmp_path / "all.hsaco")
    assert (tmp_path / "all.hsaco").stat().st_size > 0


def test_a_missing_symbol_fails(tmp_path: Path) -> None:
    """The link check can fail: device libraries that are not there are undefined symbols."""
    source = tmp_path / "missing.hip"
    source.write_text(
        "#include <patdsl/platform.h>\n"
        'extern "C" __device__ float __ockl_missing(float);\n'
        'extern "C" __global__ void kernel(float* out) { *out = __ockl_missing(*out); }\n'
    )
    device_audit.amd_compile("gfx942", source, tmp_path / "missing.s")
    with pytest.raises(AssertionError, match="__ockl_missing"):
        device_audit.amd_link("gfx942", [tmp_path / "missing.s"], tmp_path / "missing.hsaco")


def test_nvidia_resources(device_code: DeviceCode, request: pytest.FixtureRequest) -> None:
    device_code.files(NVIDIA)
    if "release 13.0" not in device_audit.run(["nvcc", "--version"]):
        pytest.skip("the table is that of CUDA 13.0: others count otherwise")
    check_table(NVIDIA, device_code, request)
