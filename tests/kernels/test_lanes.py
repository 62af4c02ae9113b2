"""The lane primitives, lane by lane, and that a wrong one does not pass."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from kernel_emulator import MODES, Buffer, Builder, Emulator, Mode, compile_source, link

from patdsl.locate import kernels_folder

pytestmark = pytest.mark.slow

# Of lanes.h. Exchanges and groups: the first of several, each for twice as many lanes as the one before.
EXCHANGE, GROUP, ANY_GROUP, WAVE_SUM, WAVE_MAX = 0, 4, 8, 11, 12
BLOCK_SUM, BLOCK_MAX, EXACT_SUM, EXACT_MAX, ONE_WAVE_SUM, ONE_WAVE_MAX, GROUP_SUM = 13, 14, 15, 16, 17, 18, 19
EXACT_THREADS = 192


@pytest.fixture(scope="module")
def program(mode: Mode, builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lane primitives alone, which are soon compiled."""
    return lanes_program(mode, builder, builder.object(mode, "lanes.hip"), tmp_path_factory.mktemp("lanes"))


def lanes_program(mode: Mode, builder: Builder, lanes: Path, folder: Path) -> Path:
    return link(
        [builder.object(mode, "simt.cpp"), builder.object(mode, "run.cpp"), lanes], folder / "program"
    )


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
    groups = [(GROUP + power, 2 << power) for power in range(4)]
    for number, count in [*groups, *((ANY_GROUP + power, 4 << power) for power in range(3))]:
        for top in range(count):
            check_max(emulator, number, 192, count, top)


def check_max(emulator: Emulator, number: int, threads: int, count: int, top: int) -> None:
    """The largest of `count` neighbours, in each of which the lane `top` has it for one half of the word."""
    lanes = torch.arange(threads, dtype=torch.int32)
    low = (lanes * 37 + 11) % 3000 + (lanes % count == top).int() * 30000
    high = (lanes * 53 + 29) % 3000 + (lanes % count == (top * 5 + 1) % count).int() * 30000
    wanted = [part.reshape(-1, count).amax(1).repeat_interleave(count) for part in (low, high)]
    got = primitive(emulator, number, low | high << 16)
    assert torch.equal(got, wanted[0] | wanted[1] << 16)


def check_wave(emulator: Emulator, wave: int) -> None:
    """Each lane alone, so that a lane counted twice or never shows."""
    for lane in range(wave):
        words = torch.zeros(2 * wave)
        words[lane] = 3.0
        got = primitive(emulator, WAVE_SUM, words)
        assert torch.equal(got, torch.tensor([3.0] * wave + [0.0] * wave))
        assert torch.equal(primitive(emulator, ONE_WAVE_SUM, words[:wave]), torch.full((wave,), 3.0))
        alone = words.reshape(-1, 16).sum(1).repeat_interleave(16)
        assert torch.equal(primitive(emulator, GROUP_SUM, words), alone)
        check_max(emulator, WAVE_MAX, 2 * wave, wave, lane)
        check_max(emulator, ONE_WAVE_MAX, wave, wave, lane)


def check_blocks(emulator: Emulator, wave: int) -> None:
    """Blocks of every size, exactly. In the fullest each wave has the largest value once, in others the last."""
    for threads in range(wave, 1025, wave):
        sums, maxima = [BLOCK_SUM], [BLOCK_MAX]
        if threads == EXACT_THREADS:
            sums, maxima = [BLOCK_SUM, EXACT_SUM], [BLOCK_MAX, EXACT_MAX]
        words = torch.arange(threads, dtype=torch.float32) % 97
        for number in sums:
            assert torch.equal(primitive(emulator, number, words), words.sum().expand(threads))
        for number in maxima:
            full = threads in (EXACT_THREADS, 1024)
            for top in range(0 if full else threads - 1, threads, wave + 1):
                check_max(emulator, number, threads, threads, top)


def test_exchange(emulator: Emulator) -> None:
    check_exchange(emulator)


def test_group_max(emulator: Emulator) -> None:
    check_group_max(emulator)


def test_wave(emulator: Emulator, mode: Mode) -> None:
    check_wave(emulator, mode.wave)


def test_blocks(emulator: Emulator, mode: Mode) -> None:
    check_blocks(emulator, mode.wave)


# Each has one place in reduce.h.
WRONG = {
    "a step left out": ("if constexpr (kCount > 2) value", "if constexpr (kCount > 99) value"),
    "a step twice": (
        "if constexpr (kCount > 4) value = max_u16x2(value, exchange<4>",
        "value = max_u16x2(value, exchange<2>",
    ),
    "a step too many": ("if (count > 8) value", "if (count > 4) value"),
    "a group's step twice": ("value += as_float(exchange<8>", "value += as_float(exchange<4>"),
    "a short sum": ("i == 0 ? part : total + part", "i == 0 ? part : total"),
    "a short maximum": ("for (int j = 0; j < 4; ++j) largest", "for (int j = 0; j < 3; ++j) largest"),
    "slots of no wave read": (
        "thread < 4 * kFours) words[thread] = 0;",
        "thread < 4 * kFours) words[thread] += 0;",
    ),
    "a wave's slot cleared": ("thread >= waves &&", "thread + 1 >= waves &&"),
    "no barrier": ("    block_barrier();\n", ""),
    "a barrier for one wave": ("    block_barrier();\n", "    if (thread < kWave) block_barrier();\n"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("mode", [MODES[0], MODES[2]], ids=lambda mode: mode.name)
def test_wrong_primitives_fail(mode: Mode, name: str, builder: Builder, tmp_path: Path) -> None:
    """The checks above, on sources with one mistake in them, must not pass."""
    right, wrong = WRONG[name]
    folder = tmp_path / "kernels"
    shutil.copytree(kernels_folder(), folder)
    header = folder / "include" / "patdsl" / "reduce.h"
    text = header.read_text()
    assert text.count(right) == 1
    header.write_text(text.replace(right, wrong))
    lanes = compile_source(mode, folder / "emulator" / "lanes.hip", tmp_path / "lanes.o", folder)
    program = lanes_program(mode, builder, lanes, tmp_path)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_all(program, mode.wave)


def check_all(program: Path, wave: int) -> None:
    with Emulator(program) as emulator:
        check_exchange(emulator)
        check_group_max(emulator)
        check_wave(emulator, wave)
        check_blocks(emulator, wave)
