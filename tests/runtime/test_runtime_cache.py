"""Inductor's cache across processes: a pass does not prevent it, and what changes the pass changes the key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(folder, epsilons, tp_size, binding, seed):
    found = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "cached_run.py"), epsilons, str(tp_size), binding],
        env={
            **os.environ,
            "TORCHINDUCTOR_CACHE_DIR": str(folder / "cache"),
            "PYTHONHASHSEED": seed,
            "PATDSL_TARGET": "cpu",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(found.stdout.splitlines()[-1])


@pytest.mark.slow
def test_cache_is_hit_by_the_same_pass_only(tmp_path):
    first = run(tmp_path, "(1e-6,)", 1, "plain", "1")
    assert first == {"hit": 0, "bypass": 0, "ran": 1}
    assert run(tmp_path, "(1e-6,)", 1, "plain", "2") == {"hit": 1, "bypass": 0, "ran": 0}
    for changed in (("(1e-6, 1e-5)", 1, "plain"), ("(1e-6,)", 2, "plain"), ("(1e-6,)", 1, "nested")):
        assert run(tmp_path, *changed, "3") == {"hit": 0, "bypass": 0, "ran": 1}, changed
