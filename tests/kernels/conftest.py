"""The emulator's programs and the GPUs' code, each built once a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from device_audit import DeviceCode
from kernel_emulator import MODES, Builder, Emulator, Mode


@pytest.fixture(scope="session", params=MODES, ids=lambda mode: mode.name)
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


@pytest.fixture(scope="session")
def builder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """Makes the programs of the modes that tests of this run ask for."""
    asked = {item.callspec.params.get("mode") for item in request.session.items if hasattr(item, "callspec")}
    builder = Builder(tmp_path_factory.mktemp("emulator"), [mode for mode in MODES if mode in asked])
    yield builder
    builder.close()


@pytest.fixture(scope="session")
def program(mode: Mode, builder: Builder) -> Path:
    return builder.program(mode)


@pytest.fixture
def emulator(program: Path) -> Iterator[Emulator]:
    with Emulator(program) as running:
        yield running


@pytest.fixture(scope="session")
def device_code(tmp_path_factory: pytest.TempPathFactory) -> DeviceCode:
    return DeviceCode(tmp_path_factory.mktemp("device"))
