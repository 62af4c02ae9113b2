"""The rotary kernels compile for every architecture and need no more than the table says.

`rope_resources.json` is the table; `--update-goldens` writes it anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import device_audit
import pytest

pytestmark = pytest.mark.slow

TABLE = Path(__file__).with_name("rope_resources.json")
KERNELS = {
    f"{dtype} rope {cache} {form}"
    for dtype in ("bf16", "f16")
    for cache in ("cache", "fp8 cache")
    for form in ("neox", "pairs", "unaligned")
}
# A product and a sum in one instruction, which rounds once: the contract rounds twice.
FUSED = re.compile(r"\bv_(pk_)?(fma|fmac|mac|mad)(_|k_)f32")


def sources() -> list[Path]:
    return [source for source in device_audit.sources() if source.name.startswith("rope_")]


def compare(arch: str, found: dict[str, dict[str, int]], request: pytest.FixtureRequest) -> None:
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    if request.config.getoption("--update-goldens"):
        table[arch] = found
        TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    assert found == table[arch]


@pytest.mark.parametrize("arch", device_audit.AMD)
def test_amd_resources(arch: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found: dict[str, dict[str, int]] = {}
    for source in sources():
        output = tmp_path / f"{source.stem}.s"
        device_audit.amd_compile(arch, source, output, assembly=True)
        text = output.read_text()
        if "amdhsa.kernels:" in text:
            found |= device_audit.amd_resources(text)
            check_products(text)
    assert set(found) == KERNELS
    for name, kernel in found.items():
        spills = ("vgpr_spills", "sgpr_spills", "scratch", "calls", "bpermute", "lds")
        assert all(kernel[key] == 0 for key in spills), name
        assert (kernel["fp8"] > 0) == ("fp8" in name), name
        assert kernel["loads16"] > 0 or name.endswith("unaligned"), f"{name}: no 16-byte load"
        assert kernel["vgpr"] <= 96, f"{name}: fewer than 5 waves a SIMD"
    compare(arch, found, request)


def check_products(assembly: str) -> None:
    """The kernels that do not divide multiply and add apart."""
    bodies = re.findall(r"\n(_ZN6patdsl\d+rope_cache\w+):(.*?)s_endpgm", assembly, re.DOTALL)
    assert len(bodies) == assembly.count(".amdhsa_kernel ")
    for symbol, body in bodies:
        fused = FUSED.search(body)
        if "fp8" in device_audit.short_name(symbol):
            assert fused, "a division has such instructions: the search must find them"
        else:
            assert not fused, f"{symbol}: {fused and fused[0]}"


@pytest.mark.parametrize("arch", device_audit.AMD)
def test_amd_link(arch: str, tmp_path: Path) -> None:
    objects = []
    for source in sources():
        objects.append(tmp_path / f"{source.stem}.o")
        device_audit.amd_compile(arch, source, objects[-1], assembly=False)
    device_audit.amd_link(objects, tmp_path / "all.hsaco")


def test_nvidia_resources(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found: dict[str, dict[str, int]] = {}
    for source in sources():
        found |= device_audit.nvidia_resources(source, tmp_path / f"{source.stem}.cubin")
    assert set(found) == KERNELS
    for name, kernel in found.items():
        assert kernel["spills"] == kernel["stack"] == 0, name
        assert kernel["registers"] <= 64, f"{name}: 4 blocks of 256 threads have 64 registers each"
    if "release 13.0" in device_audit.run(["nvcc", "--version"]):  # the table's; others count otherwise
        compare("sm_90", found, request)
