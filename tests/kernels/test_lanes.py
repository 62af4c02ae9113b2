"""The lane primitives, lane by lane, and that a wrong one does not pass."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from kernel_emulator import MODES, Buffer, Builder, Emulator, Mode, compile_source, link

from patdsl.locate import kernels_folder

pytestmark = pytest.mark.slow

EXCHANGE, GROUP, WAVE_SUM, BLOCK_SUM = 0, 4, 8, 9


def primitive(emulator: Emulator, number: int, words: torch.Tensor) -> torch.Tensor:
    buffers = [Buffer(words.numpy().tobytes()), Buffer(bytes(words.numel() * 4))]
    fields: list[tuple[bool, int] | float] = [(True, 0), (True, 1), (False, words.numel()), (False, number)]
    assert emulator.call("lanes", buffers, [*fields, (False, 0), (False, 0)]) == 0
    return torch.frombuffer(bytearray(buffers[1].content), dtype=words.dtype)


def check_exchange(emulator: Emulator) -> None:
    """Each half of 2S lanes holds one value; every lane gets that of the other half."""
    lanes = torch.arange(256, dtype=torch.int32)
    for power in range(4):
        step = 2**power
        halves = lanes // step * 1000
        assert torch.equal(primitive(emulator, EXCHANGE + power, halves), (lanes // step ^ 1) * 1000)


def check_group_max(emulator: Emulator) -> None:
    """Both halves of the word apart. Each lane is the largest of its group once."""
    for power, count in ((0, 2), (1, 4), (2, 8), (3, 16)):
        for top in range(count):
            lanes = torch.arange(192, dtype=torch.int32)
            low = (lanes * 37 + 11) % 3000 + (lanes % count == top).int() * 30000
            high = (lanes * 53 + 29) % 3000 + (lanes % count == (top * 5 + 1) % count).int() * 30000
            wanted = [part.reshape(-1, count).amax(1).repeat_interleave(count) for part in (low, high)]
            got = primitive(emulator, GROUP + power, low | high << 16)
            assert torch.equal(got, wanted[0] | wanted[1] << 16)


def check_sums(emulator: Emulator, wave: int) -> None:
    """Each lane alone, so that a lane counted twice or never shows; then all, exactly."""
    for lane in range(wave):
        words = torch.zeros(2 * wave)
        words[lane] = 3.0
        got = primitive(emulator, WAVE_SUM, words)
        assert torch.equal(got, torch.tensor([3.0] * wave + [0.0] * wave))
    for threads in range(wave, 1025, wave):
        words = torch.arange(threads, dtype=torch.float32) % 97
        got = primitive(emulator, BLOCK_SUM, words)
        assert torch.equal(got, words.sum().expand(threads))


def test_exchange(emulator: Emulator) -> None:
    check_exchange(emulator)


def test_group_max(emulator: Emulator) -> None:
    check_group_max(emulator)


def test_sums(emulator: Emulator, mode: Mode) -> None:
    check_sums(emulator, mode.wave)


WRONG = {
    "a step left out": ("reduce.h", "if constexpr (kCount > 2) value", "if constexpr (kCount > 99) value"),
    "a step twice": ("reduce.h", "exchange<4>(value)", "exchange<2>(value)"),
    "a short sum": ("reduce.h", "i < kSlots / 4", "i + 1 < kSlots / 4"),
    "slots of no wave read": ("reduce.h", "slots[thread] = 0.0f;", "slots[thread] += 0.0f;"),
    "no barrier": ("reduce.h", "  block_barrier();", ""),
    "a barrier for one wave": ("reduce.h", "  block_barrier();", "  if (thread < kWave) block_barrier();"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("mode", [MODES[0], MODES[2]], ids=lambda mode: mode.name)
def test_wrong_primitives_fail(mode: Mode, name: str, builder: Builder, tmp_path: Path) -> None:
    """The checks above, on sources with one mistake in them, must not pass."""
    file, right, wrong = WRONG[name]
    folder = tmp_path / "kernels"
    shutil.copytree(kernels_folder(), folder)
    header = folder / "include" / "patdsl" / file
    text = header.read_text()
    assert text.count(right) == 1
    header.write_text(text.replace(right, wrong))
    # The program of the lane primitives alone; of its objects one has the mistake.
    wrong_one = compile_source(mode, folder / "emulator" / "lanes.hip", tmp_path / "lanes.o", folder)
    others = [builder.object(mode, name) for name in ("simt.cpp", "run.cpp")]
    program = link([*others, wrong_one], tmp_path / "program")
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_all(program, mode.wave)


def check_all(program: Path, wave: int) -> None:
    with Emulator(program) as emulator:
        check_exchange(emulator)
        check_group_max(emulator)
        check_sums(emulator, wave)
