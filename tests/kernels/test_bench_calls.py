"""The benchmarks call the kernels as the ops do: what they time is what the reference gives."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
from stub_machine import on_cpu

sys.path.append(str(Path(__file__).resolve().parents[2] / "kernels" / "bench"))

from compare import faults
from families import FAMILIES
from memory import Apart

ROWS = 3


@pytest.mark.parametrize("name", [name for name in FAMILIES if "rope" not in name])
def test_rows_are_those_of_the_reference(name):
    family = FAMILIES[name]
    work = family.work(min(size for size, _ in family.sizes), ROWS)
    buffers = work.make(Apart("cpu"))
    with on_cpu() as stub:
        found = faults(work, buffers, {"ours": partial(work.ours, buffers)})
    assert found == []
    assert len(stub.calls) == 1
