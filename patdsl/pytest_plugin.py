"""`.pat` files as pytest tests: one item for each generated and written test.

Installed as an entry point. Collects only where it is asked to: a `.pat` file that is given, or those below a folder
that is given, with `--patdsl` or where a given path is or holds nothing else (`pytest patterns/`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from patdsl.selftest.files import FileTests, Test

_SCOPE = pytest.StashKey[contextlib.ExitStack]()


class PatternFailedError(Exception):
    """A test of a pattern failed: the line of the `.pat` file, the test, and what was found."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("patdsl", "patterns that test themselves")
    group.addoption(
        "--patdsl", action="store_true", help="collect the .pat files of folders with Python tests too"
    )
    group.addoption(
        "--patdsl-device",  # `--device` is a name that projects have options of
        choices=("cpu", "cuda"),
        default="cpu",
        help="where the tests of .pat files run (default: cpu)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pat: a test of a pattern in a .pat file")
    config.addinivalue_line("markers", "cuda: a test of a pattern that runs on a GPU with the real kernels")
    config.addinivalue_line(
        "markers", "rocm: a test of a pattern that runs on an AMD GPU with the real kernels"
    )
    config.stash[_SCOPE] = contextlib.ExitStack()


def pytest_unconfigure(config: pytest.Config) -> None:
    scope = config.stash.get(_SCOPE, None)
    if scope is not None:
        scope.close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix != ".pat" or not _is_asked_for(file_path, parent.config):
        return None
    made: pytest.Collector = PatFile.from_parent(parent, path=file_path)
    return made


def _is_asked_for(path: Path, config: pytest.Config) -> bool:
    """Given itself, below a given folder without Python tests, or everything with `--patdsl`."""
    if config.getoption("--patdsl"):
        return True
    for given in config.args:
        start = Path(config.invocation_params.dir, str(given).partition("::")[0])
        if path == start or (start in path.parents and not _has_python_tests(start)):
            return True
    return False


def _has_python_tests(folder: Path) -> bool:
    return any(True for pattern in ("test_*.py", "*_test.py") for _ in folder.rglob(pattern))


class PatFile(pytest.File):
    """One `.pat` file."""

    def collect(self) -> Iterator[pytest.Item]:
        from patdsl import pipeline, render

        compiled = pipeline.run([self.path], stop_after="plan")[0]
        if compiled.errors:
            raise self.CollectError("\n\n".join(render.to_text(each) for each in compiled.errors))
        if compiled.unit is None or not (compiled.unit.patterns or compiled.unit.tests):
            return
        import torch

        import patdsl.register_ops  # noqa: F401  # the patdsl:: ops
        from patdsl.selftest.files import FileTests

        device = self.config.getoption("--patdsl-device")
        if device == "cuda" and not torch.cuda.is_available():
            raise pytest.UsageError("--patdsl-device cuda: torch sees no GPU")
        tests = self.config.stash[_SCOPE].enter_context(FileTests(compiled, device))
        for test in tests.tests():
            item: PatItem = PatItem.from_parent(self, name=test.name, tests=tests, test=test)
            item.add_marker("pat")
            if device == "cuda":
                item.add_marker("rocm" if torch.version.hip else "cuda")
            yield item


class PatItem(pytest.Item):
    """One test of a pattern."""

    def __init__(self, *, tests: FileTests, test: Test, **more: Any) -> None:
        super().__init__(**more)
        self.tests, self.test = tests, test

    def runtest(self) -> None:
        outcome = self.tests.run(self.test)
        if outcome is None:
            pytest.skip("no graph can be so")
        if outcome.verdict == "not run":
            pytest.skip(outcome.reason)
        if outcome.verdict == "failed":
            raise PatternFailedError(f"{self.test.place}: {self.test.name}\n    {outcome.reason}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, PatternFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        line = self.test.place.rpartition(":")[2]
        return self.path, int(line) - 1, self.name
