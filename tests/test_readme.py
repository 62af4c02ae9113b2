"""The README's commands and its program print what the README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
#: The indented blocks.
BLOCKS = [
    textwrap.dedent(found.group()).strip() + "\n"
    for found in re.finditer(r"(?:^    .*\n|^\n(?=\n*    ))+", README, re.MULTILINE)
]


def block_with(text: str) -> str:
    (found,) = (block for block in BLOCKS if text in block)
    return found


PATTERN = block_with("\npattern double_quant {")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "double_quant.pat").write_text(PATTERN)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    # A graph that is in Inductor's cache from an earlier run would not be compiled, nor matched, again.
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize("text", ["1 file: no errors", "error[", "op rms_norm("])
def test_a_command_prints_what_is_shown(folder: Path, text: str) -> None:
    command, shown = block_with(text).split("\n", 1)
    if text == "error[":
        (folder / "double_quant.pat").write_text(PATTERN.replace("2x fused", "3x fused"))
    printed = run(folder, "-m", *command.removeprefix("$ ").split())
    # The library's files grow: the line that a declaration stands on is no promise.
    place = re.compile(r"(# \w+\.pat):\d+$", re.MULTILINE)
    assert place.sub(r"\1", printed) == place.sub(r"\1", shown)


@pytest.mark.slow
def test_the_program_prints_what_is_shown(folder: Path) -> None:
    (folder / "model.py").write_text(block_with("print(passes.report())"))
    assert run(folder, "model.py") == block_with("pass double_quant on cpu: on")


@pytest.mark.slow
def test_the_program_with_three_consumers_asked_for(folder: Path) -> None:
    (folder / "double_quant.pat").write_text(re.sub(r"\b2x", "3x", PATTERN))
    (folder / "model.py").write_text(block_with("print(passes.report())"))
    assert run(folder, "model.py").endswith(f"\n  {block_with('refused: ')}")
