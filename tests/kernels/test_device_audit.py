"""The kernels compile for every architecture, need nothing that is not there, and need no more than the table says.

`resources.json` is the table; `--update-goldens` writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import device_audit
import pytest

pytestmark = pytest.mark.slow

TABLE = Path(__file__).with_name("resources.json")
COUNTED = ("bf16 norm group128 held2", "f16 add group32 looped unaligned")


def compare(arch: str, found: dict[str, dict[str, int]], request: pytest.FixtureRequest) -> None:
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    if request.config.getoption("--update-goldens"):
        table[arch] = found
        TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    assert found == table[arch]


def check_known(found: dict[str, dict[str, int]]) -> None:
    """Every instantiation: 2 dtypes, with and without the add, 3 groups, 3 held forms and 2 looped ones."""
    assert len(found) == 2 * 2 * 3 * (3 + 2)
    assert set(COUNTED) <= set(found)


@pytest.mark.parametrize("arch", device_audit.AMD)
def test_amd_resources(arch: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found: dict[str, dict[str, int]] = {}
    for source in device_audit.sources():
        output = tmp_path / f"{source.stem}.s"
        device_audit.amd_compile(arch, source, output, assembly=True)
        text = output.read_text()
        if "amdhsa.kernels:" in text:
            found |= device_audit.amd_resources(text)
    check_known(found)
    for name, kernel in found.items():
        assert kernel["vgpr_spills"] == kernel["sgpr_spills"] == kernel["scratch"] == kernel["calls"] == 0, (
            name
        )
        assert kernel["bpermute"] == 0, f"{name}: lanes exchange through LDS"
        assert kernel["fp8"] > 0, f"{name}: no packed fp8 conversion"
        assert kernel["loads16"] > 0 or name.endswith("unaligned"), f"{name}: no 16-byte load"
    compare(arch, found, request)


@pytest.mark.parametrize("arch", device_audit.AMD)
def test_amd_link(arch: str, tmp_path: Path) -> None:
    objects = []
    for source in device_audit.sources():
        objects.append(tmp_path / f"{source.stem}.o")
        device_audit.amd_compile(arch, source, objects[-1], assembly=False)
    device_audit.amd_link(objects, tmp_path / "all.hsaco")
    assert (tmp_path / "all.hsaco").stat().st_size > 0


def test_a_missing_symbol_fails(tmp_path: Path) -> None:
    """The link check can fail: device libraries that are not there are undefined symbols."""
    source = tmp_path / "missing.hip"
    source.write_text(
        "#include <patdsl/platform.h>\n"
        'extern "C" __device__ float __ockl_missing(float);\n'
        'extern "C" __global__ void kernel(float* out) { *out = __ockl_missing(*out); }\n'
    )
    device_audit.amd_compile("gfx942", source, tmp_path / "missing.o", assembly=False)
    with pytest.raises(AssertionError, match="__ockl_missing"):
        device_audit.amd_link([tmp_path / "missing.o"], tmp_path / "missing.hsaco")


def test_nvidia_resources(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found: dict[str, dict[str, int]] = {}
    for source in device_audit.sources():
        found |= device_audit.nvidia_resources(source, tmp_path / f"{source.stem}.cubin")
    check_known(found)
    for name, kernel in found.items():
        assert kernel["spills"] == kernel["stack"] == 0, name
        assert kernel["registers"] <= 64, f"{name}: 1,024 threads have 64 registers each"
    if "release 13.0" in device_audit.run(["nvcc", "--version"]):  # the table's; others count otherwise
        compare("sm_90", found, request)
