"""Modules of `patdsl compile --target vllm` as tests make and load them.

In: `.pat` files or texts. Out: `made`, the outcome of the compiler; `load`, the module, which finds a stand-in where it
imports vLLM; `alone`, what `runs_alone.py` prints in a process of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from patdsl.pipeline import Outcome, run

HERE = Path(__file__).parent
STAND_IN = HERE / "stand_in"
PATTERNS = HERE.parents[1] / "patterns" / "vllm"


def made(path: Path) -> Outcome:
    return run([path], target="vllm")[0]


def made_of(text: str, folder: Path) -> Outcome:
    path = folder / "case.pat"
    path.write_text(text, encoding="utf-8")
    return made(path)


def load(text: str, folder: Path, name: str) -> Any:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(STAND_IN))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(STAND_IN))
    return module


def alone(python: str, path: str, folder: Path) -> dict[str, Any]:
    """`python` is an interpreter, `path` the folders where it finds packages besides its own."""
    files = []
    for source in (HERE / "fusions.pat", PATTERNS / "add_rms_fusion.pat"):
        module = made(source).module
        assert module is not None
        files.append(folder / f"{source.stem}.py")
        files[-1].write_text(module, encoding="utf-8")
    done = subprocess.run(
        [python, str(HERE / "runs_alone.py"), *map(str, files)],
        env={**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=500,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert found, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(found[0].removeprefix("RESULT "))
    return result
