"""The emulator's programs, each built once a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_emulator import MODES, Emulator, Mode, build


@pytest.fixture(scope="session", params=MODES, ids=lambda mode: mode.name)
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


@pytest.fixture(scope="session")
def program(mode: Mode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(mode, tmp_path_factory.mktemp("emulator") / mode.name)


@pytest.fixture
def emulator(program: Path) -> Iterator[Emulator]:
    with Emulator(program) as running:
        yield running
