"""What explain says of the logs of a compiled model (`make_logs.py`), on each machine whose logs are here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from patdsl.cli import main

LOGS = Path(__file__).parent / "logs"
MACHINES = sorted(path for path in LOGS.glob("model_*") if path.is_dir())


def explained(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    assert main(["explain", str(path), *options, "--json"]) == 0
    (graph,) = json.loads(capsys.readouterr().out)["graphs"]
    return graph


@pytest.mark.parametrize("log", ["post_grad.log", "trace.log"])
@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_one_pass(machine: Path, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of four norms three fuse; the last is read by the gate too."""
    graph = explained(machine / log, capsys, "--pass", "rms_norm_quant", "--pattern", "rms_norm_group_quant")
    (match,) = graph["matches"]
    assert match["count"] == 3
    (miss,) = graph["misses"]
    assert (miss["kind"], miss["at"]["name"], miss["count"]) == ("user", "rms_norm_3", 1)
    assert "'rms_norm_3' would stay: its value is read by" in miss["message"]
    assert "y = ops.rms_norm(x, self.norms[1], 1e-6)" in miss["at"]["source"]
    assert miss["at"]["source"].startswith("File: tests/explain/make_logs.py:")
    assert miss["suggestion"]["diff"].splitlines()[-1].endswith("keep y }")
    assert not miss["suggestion"]["safe"]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_the_whole_library(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = explained(machine / "trace.log", capsys, "--top", "0")
    taken = {(match["pass"], match["pattern"]) for match in graph["matches"]}
    assert taken >= {("rms_norm_quant", "rms_norm_group_quant"), ("add_rms_norm", "add_rms_norm")}
    assert graph["target"].split()[0] == ("cpu" if machine.name == "model_cpu" else "sm_90")


def test_there_is_a_machine() -> None:
    assert MACHINES
