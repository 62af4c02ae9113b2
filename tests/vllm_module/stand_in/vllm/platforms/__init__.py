"""The hardware: a CPU, which has no capability."""

from __future__ import annotations

import torch


class CpuPlatform:
    device_type = "cpu"

    def is_rocm(self) -> bool:
        return False

    def fp8_dtype(self) -> torch.dtype:
        return torch.float8_e4m3fn

    def get_device_capability(self) -> None:
        return None


current_platform = CpuPlatform()
