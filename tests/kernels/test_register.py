"""Which torch gets the kernels, from whichever module is imported first. Each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import importlib, sys, torch
torch.backends.cuda.is_built = lambda: {built}
importlib.import_module({module!r})
import patdsl.register_ops as ops
assert torch.cuda.is_initialized() is False
print(ops.runs_on("rms_norm", "cuda"), ops.runs_on("nvfp4_quant", "cuda"), ops.runs_on("rms_norm", "cpu"))
print("patdsl.kernels.bind" in sys.modules)
"""
FIRST = (
    *("patdsl.reference", "patdsl.register_ops", "patdsl.reference.rows", "patdsl.kernels.bind"),
    *("patdsl.kernels.rows", "patdsl.kernels.rows_launch", "patdsl.kernels.rope_kv_cache"),
)


def lines(module: str, built: bool, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module=module, built=built)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("module", FIRST)
def test_a_torch_for_gpus_gets_the_kernels(module: str) -> None:
    assert lines(module, True, PATDSL_KERNELS="") == ["kernel reference reference", "True"]


def test_others_do_not() -> None:
    """Nor is anything of them imported."""
    plain = ["reference reference reference", "False"]
    assert lines("patdsl.register_ops", False, PATDSL_KERNELS="") == plain
    assert lines("patdsl.register_ops", True, PATDSL_KERNELS="0") == plain
