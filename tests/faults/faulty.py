"""What the tests of faults share: the command in a process of its own, a compiler that is made up, killing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PATTERNS = REPOSITORY / "patterns"
COMPILE = [sys.executable, "-m", "patdsl", "compile", str(PATTERNS), "-o"]
BUILD = [sys.executable, "-m", "patdsl", "kernels", "build", "--arch", "gfx942", "--jobs", "2"]

#: A compiler that takes a moment and writes its output in two pieces, so that a kill can come in between. It waits
#: while there is a file HANG.
COMPILER = """#!/bin/sh
if [ "$1" = --version ]; then echo "made up 1"; exit 0; fi
while [ -e "$HANG" ]; do sleep 0.02; done
while [ "$#" -gt 1 ]; do
  if [ "$1" = -o ]; then printf first > "$2" && sleep 0.02 && printf ' last' >> "$2" || exit 1; fi
  shift
done
"""


def compiler(folder: Path) -> dict[str, str]:
    """The environment of builds with the made-up compiler and a cache below `folder`."""
    path = folder / "hipcc"
    path.write_text(COMPILER)
    path.chmod(0o755)
    return {**os.environ, "PATDSL_HIPCC": str(path), "PATDSL_CACHE": str(folder / "cache")}


def start(command: Sequence[str], **more: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **more)  # type: ignore[call-overload, no-any-return]


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def killed_at(command: Sequence[str], seconds: float, **more: object) -> None:
    """Start the command and kill it, and it alone, after so long."""
    process = start(command, **more)
    time.sleep(seconds)
    process.kill()
    process.communicate()


def moments(count: int, first: float, last: float) -> list[float]:
    """Random moments, one in each of `count` equal parts of the span. The same in every run."""
    dice = random.Random(19)  # noqa: S311
    part = (last - first) / count
    return [first + part * (at + dice.random()) for at in range(count)]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below the folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
