"""What the rotary kernels need on GPUs, beyond what `test_device_audit.py` says of all kernels."""

from __future__ import annotations

import re

import pytest
from device_audit import AMD, NVIDIA, DeviceCode, Kernel

pytestmark = pytest.mark.slow

# A product and a sum in one instruction, which rounds once: the contract rounds twice.
FUSED = re.compile(r"\bv_(pk_)?(fma|fmac|mac|mad)(_|k_)f32")


def rope_kernels(device_code: DeviceCode, arch: str) -> dict[str, Kernel]:
    """For both dtypes, three ways to read a head, and caches of T or fp8."""
    kernels = device_code.kernels(arch)
    found = {name: kernel for name, kernel in kernels.items() if name.startswith("rope_cache<")}
    assert len(found) == 2 * 3 * 2
    return found


@pytest.mark.parametrize("arch", AMD)
def test_amd_resources(arch: str, device_code: DeviceCode) -> None:
    for name, kernel in rope_kernels(device_code, arch).items():
        assert kernel.resources["lds"] == 0, name
        assert kernel.resources["vgpr"] <= 96, f"{name}: fewer than 5 waves a SIMD"


@pytest.mark.parametrize("arch", AMD)
def test_products(arch: str, device_code: DeviceCode) -> None:
    """The kernels that do not divide multiply and add apart."""
    for name, kernel in rope_kernels(device_code, arch).items():
        fused = FUSED.search(kernel.body)
        if name.endswith("true>"):
            assert fused, "a division has such instructions: the search must find them"
        else:
            assert not fused, f"{name}: {fused and fused[0]}"


def test_nvidia_resources(device_code: DeviceCode) -> None:
    for name, kernel in rope_kernels(device_code, NVIDIA).items():
        assert kernel.resources["registers"] <= 64, f"{name}: 4 blocks of 256 threads have 64 registers each"
