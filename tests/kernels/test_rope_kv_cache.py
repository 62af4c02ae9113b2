"""The rotary and cache kernels under the emulator: bit for bit the reference's, and against float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from kernel_emulator import Emulator, Mode
from rope_cases import BF16, F16, RopeOnEmulator, check, check_exact, draw, filled, table
from torch import Tensor

pytestmark = pytest.mark.slow

ONE = torch.ones(1)
FORMS = [(neox, dtype) for neox in (True, False) for dtype in (BF16, F16)]
NAMES = ["neox-bf16", "neox-f16", "gptj-bf16", "gptj-f16"]


@pytest.fixture
def on(emulator: Emulator, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> Iterator[RopeOnEmulator]:
    yield RopeOnEmulator(emulator, mode, monkeypatch)


def inputs(tokens: int, heads: tuple[int, int], sizes: tuple[int, int], dtype: torch.dtype) -> list[Tensor]:
    """positions, q, k, v: not in order, some twice."""
    positions = (torch.arange(tokens) * 7 + 3) % 23
    (a, g), (size, v_size) = heads, sizes
    q = draw(tokens, a * size, dtype=dtype, seed=1)
    return [positions, q, draw(tokens, g * size, dtype=dtype, seed=2), draw(tokens, g * v_size, dtype=dtype, seed=3)]


@pytest.mark.parametrize(("neox", "dtype"), FORMS, ids=NAMES)
@pytest.mark.parametrize(
    ("size", "rotary"),
    [(64, 64), (128, 128), (256, 256), (128, 64), (96, 32), (80, 80), (80, 20), (36, 24), (7, 4), (2, 2), (192, 2)],
)
def test_sizes(on: RopeOnEmulator, size: int, rotary: int, neox: bool, dtype: torch.dtype) -> None:
    """Heads that vectors divide and others, turned whole and in part."""
    for angles in (dtype, torch.float32):
        positions, q, k, v = inputs(5, (4, 2), (size, size), dtype)
        cos_sin = table(23, rotary, angles)
        slots = torch.tensor([3, 0, 11, 7, 8])
        cache = filled(2, 3, 4, 2, size, dtype=dtype)
        arguments = (positions, q, k, v, cos_sin, neox, *cache, slots, ONE, ONE)
        q_r, k_r = check(on, "rope_kv_cache", arguments, (cache,))
        for got, x in ((q_r, q), (k_r, k)):
            heads = (got.view(5, -1, size), x.view(5, -1, size))
            check_exact(*heads, positions, cos_sin, neox, rotary)
    assert on.copied == 0
