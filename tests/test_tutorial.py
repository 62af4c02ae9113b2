"""The tutorial, followed: its files are written, its commands run, and they print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "tutorial.md").read_text("utf-8")
#: An indented block, with the name of a file that stands in front of it.
_BLOCK = re.compile(r"(?:`([\w.]+)`:\n\n)?((?:^    .*\n|^\n(?=\n*    ))+)", re.MULTILINE)
#: Durations, and distances in steps, which depend on the machine.
_MEASURED = re.compile(r"in \d+ s\b|\d\.\d\d (?=steps)|(?<=unfused )\d\.\d\d")


def steps() -> Iterator[tuple[str, str]]:
    """What the reader does: a file with its text, or `$` and a command with what it prints."""
    for name, block in _BLOCK.findall(PAGE):
        text = textwrap.dedent(block).strip("\n") + "\n"
        if name:
            yield name, text.split("\n$ ")[0].rstrip("\n") + "\n"
        for command, _, shown in (each.partition("\n") for each in f"\n{text}".split("\n$ ")[1:]):
            yield f"$ {command}", shown.strip("\n")


@pytest.mark.slow
def test_the_tutorial(tmp_path: Path) -> None:
    commands = 0
    for step, text in steps():
        if not step.startswith("$ "):
            (tmp_path / step).write_text(text)
            continue
        printed = run(tmp_path, step[2:])
        assert _MEASURED.sub("N", printed) == _MEASURED.sub("N", text), step
        commands += 1
    assert commands == 14
    assert (tmp_path / "norm_quant.py").exists()
    (report,) = (tmp_path / "reports").iterdir()
    assert "matched: norm_quant.norm_quant" in report.read_text()


def test_the_suggested_change_is_the_one_that_is_made() -> None:
    texts = [text for name, text in steps() if name == "norm_quant.pat"]
    shown = "\n".join(text for name, text in steps() if name.startswith("$ patdsl explain post_grad.log"))
    removed, added = re.findall(r"^ +[-+]([^-+].*)$", shown, re.MULTILINE)
    assert texts[0].replace(removed, added) == texts[1]
    assert texts[2].startswith(texts[1])


def run(folder: Path, command: str) -> str:
    """What a line for a shell prints: words in front of the command set variables, `>` and `2>` name files."""
    found = re.fullmatch(
        r"(?P<set>(?:\w+=\S+ )*)(?P<do>python|patdsl) (?P<words>.*?)(?P<to>(?: 2?> \S+)*)", command
    )
    assert found, command
    given = dict(each.split("=", 1) for each in found["set"].split())
    environment = {
        **os.environ,
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "cache" / str(len(list(folder.glob("cache/*"))))),
        **given,
    }
    words = [each.strip('"') for each in re.findall(r'"[^"]*"|\S+', found["words"])]
    start = [sys.executable, *(["-m", "patdsl"] if found["do"] == "patdsl" else [])]
    done = subprocess.run(
        [*start, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    streams = {"1": done.stdout, "2": done.stderr}
    for number, name in re.findall(r"(2?)> (\S+)", found["to"]):
        (folder / name).write_text(streams.pop(number or "1"))
    return streams.get("1", "").replace(f"{folder}{os.sep}", "").strip("\n")
