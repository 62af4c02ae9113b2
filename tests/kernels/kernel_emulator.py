"""Builds the kernels for the host's SIMT emulator and calls them.

In: a mode (wave size and fp8 format), optionally another folder of kernels. Out: a program of
`kernels/emulator/run.cpp` with the address and undefined-behaviour sanitizers, and its answers. Checks no values.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import attrs
import pytest
import torch

from patdsl.locate import kernels_folder

SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")


@attrs.frozen
class Mode:
    """A kind of machine: lanes in a wave, and whether its fp8 is e4m3fnuz."""

    wave: int
    fnuz: bool

    @property
    def name(self) -> str:
        return f"wave{self.wave}-{'fnuz' if self.fnuz else 'ocp'}"

    @property
    def fp8(self) -> torch.dtype:
        return torch.float8_e4m3fnuz if self.fnuz else torch.float8_e4m3fn

    @property
    def limit(self) -> float:
        return 224.0 if self.fnuz else 448.0


MODES = (Mode(64, True), Mode(64, False), Mode(32, False))


def sources(folder: Path) -> list[Path]:
    """Everything that a program of all kernels is made of."""
    emulator = [folder / "emulator" / name for name in ("simt.cpp", "run.cpp", "lanes.hip")]
    return [*emulator, *sorted(folder.joinpath("src").glob("*.hip"))]


def compile_source(mode: Mode, source: Path, output: Path, folder: Path | None = None) -> Path:
    """One object, with the headers of `folder` (that of this checkout)."""
    folder = folder or kernels_folder()
    definitions = [f"-DPATDSL_WAVE={mode.wave}", f"-DPATDSL_FNUZ={int(mode.fnuz)}", '-DPATDSL_ARCH="host"']
    includes = [f"-I{folder / name}" for name in ("include", "emulator", "src")]
    # More optimisation makes the compiler twice as slow and the tests no faster.
    options = ["-std=c++17", "-Og", "-g1", "-ffp-contract=off", "-DPATDSL_EMULATE", *WARNINGS, *SANITIZE]
    return _run([*options, *definitions, *includes, "-x", "c++", "-c", str(source)], output)


def link(objects: Iterable[Path], output: Path) -> Path:
    """A program that exports its functions, which is how run.cpp finds them."""
    return _run([*SANITIZE, "-rdynamic", *map(str, objects), "-ldl"], output)


def _run(options: list[str], output: Path) -> Path:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++")
    done = subprocess.run([compiler, *options, "-o", str(output)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return output


class Builder:
    """Programs for some modes, in `folder`. Every CPU compiles; while the program of one mode is tested, those of the
    others are made."""

    def __init__(self, folder: Path, modes: Iterable[Mode]) -> None:
        self._folder, self._modes = folder, tuple(modes)
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1)
        self._objects: dict[tuple[Mode, str], Future[Path]] = {}

    def object(self, mode: Mode, source: str) -> Path:
        """That of the source of this name."""
        (path,) = [path for path in sources(kernels_folder()) if path.name == source]
        return self._begin(mode, path).result()

    def program(self, mode: Mode) -> Path:
        """With all kernels."""
        files = sources(kernels_folder())
        tasks = [self._begin(each, path) for each in (mode, *self._modes) for path in files]
        objects = [task.result() for task in tasks[: len(files)]]
        return link(objects, self._folder / mode.name / "program")

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _begin(self, mode: Mode, source: Path) -> Future[Path]:
        key = mode, source.name
        if key not in self._objects:
            output = self._folder / mode.name / f"{source.name}.o"
            output.parent.mkdir(exist_ok=True)
            self._objects[key] = self._pool.submit(compile_source, mode, source, output)
        return self._objects[key]


@attrs.define
class Buffer:
    """Memory of a call. `misaligned` bytes keep it from the 16-byte boundary where it would begin."""

    content: bytes
    misaligned: int = 0


class Emulator:
    """A running program; as a context manager it is ended, and must have ended well."""

    def __init__(self, program: Path) -> None:
        # Leaks are not looked for: the look needs a right that containers often lack.
        self._process = subprocess.Popen(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0"},
        )

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _, errors = self._process.communicate()
        if error is None:
            assert self._process.returncode == 0, errors.decode(errors="replace")[-4000:]

    def call(self, function: str, buffers: list[Buffer], fields: list[tuple[bool, int] | float]) -> int:
        """Calls `function` and returns its result; the buffers' contents are then what it left.

        A field is (True, index of a buffer, -1 for null), (False, whole number) or a float. Fails the test with what
        the program wrote where it ended, which is how a sanitizer speaks.
        """
        message = [struct.pack("<32sqq", function.encode(), len(buffers), len(fields))]
        for buffer in buffers:
            message += [struct.pack("<qq", len(buffer.content), buffer.misaligned), buffer.content]
        for field in fields:
            if isinstance(field, float):
                message.append(struct.pack("<qd", 0, field))
            else:
                message.append(struct.pack("<qq", *field))
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"".join(message))
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()
        (result,) = struct.unpack("<q", self._read(8))
        for buffer in buffers:
            buffer.content = self._read(len(buffer.content))
        return int(result)

    def _read(self, count: int) -> bytes:
        assert self._process.stdout is not None
        content = self._process.stdout.read(count)
        if len(content) != count:
            self._fail()
        return content

    def _fail(self) -> None:
        assert self._process.stderr is not None
        pytest.fail(self._process.stderr.read().decode(errors="replace")[-4000:])
