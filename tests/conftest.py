"""Options of the test run, and what every test may count on."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="write the files in tests/golden anew from what the compiler makes now",
    )


@pytest.fixture(autouse=True, scope="module")
def _only_own_garbage() -> Iterator[None]:
    """What thousands of other tests hold is not walked again and again, least of all where time is limited."""
    gc.freeze()
    yield
    gc.unfreeze()
