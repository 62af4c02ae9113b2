"""The corpus run in processes of their own.

In: a Python, names of shapes (none: all). Out: what `corpus_run` says of each, by name. `fits` compares matches with
what is expected.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
Rows = dict[str, dict[str, Any]]


def without_vllm(*names: str) -> Rows:
    """Ours alone, and the numbers that come out."""
    return _run(sys.executable, (ROOT, HERE), names)


def with_vllm(python: str, lab: str, *names: str) -> Rows:
    """Ours and vLLM's; `lab` has the stand-ins for a ROCm machine."""
    return _run(python, (ROOT, HERE, lab, Path(lab) / "vt"), names)


def _run(python: str, path: tuple[str | Path, ...], names: tuple[str, ...]) -> Rows:
    run = subprocess.run(
        [python, str(HERE / "corpus_run.py"), *names],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "HF_HUB_OFFLINE": "1",
            "VLLM_ROCM_USE_AITER_TRITON_ROPE": "0",  # the graphs have vLLM's own rotary embedding
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows = (json.loads(line) for line in run.stdout.splitlines() if line.startswith("{"))
    return {row["shape"]: row for row in rows}


def fits(found: Mapping[str, int], expected: Mapping[str, int]) -> bool:
    """Whether these matches are the expected ones, where names joined by `|` are alternatives."""
    left = dict(found)
    for names, count in expected.items():
        taken = next((name for name in names.split("|") if left.get(name) == count), None)
        if taken is None:
            return False
        del left[taken]
    return not left
