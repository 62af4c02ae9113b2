"""Who our passes are, to compile caches: equal in every process, changed by every change of meaning and by no other.

Each change is made in a copy of the repository, whose pattern file is then compiled anew. The same is asked of a
process with vLLM where `PATDSL_VLLM_PYTHON` names one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WITH_VLLM = os.environ.get("PATDSL_VLLM_PYTHON", "")
PARTS = ("patdsl", "patterns", "grammar", "kernels")
EVERY = "every pass"


@attrs.frozen
class Change:
    """`old` text becomes `new` in a file, or something changes in the environment; what is to differ by it."""

    differs: tuple[str, ...] | str
    file: str = ""
    old: str = ""
    new: str = ""
    environment: Mapping[str, str] = {}


STATIC = "pattern rms_norm_static_quant { rms_norm -> view? -> 1..x static_quant => rms_norm_static_quant }"
ONE_EPSILON = """pattern rms_norm_static_quant {
  rms_norm(epsilon=e in {1e-6}) -> view? -> 1..x static_quant => rms_norm_static_quant(epsilon=e)
}"""
LARGER = ONE_EPSILON.replace("{1e-6}", "{1e-6, 1e-5}")
QUANT, DUAL = ("norm_quant",), ("mla_dual_norm",)
#: A pass whose ops have an effect knows every op that has it: what nothing of it may move past.
CACHE = ("rope_kvcache", "qk_norm_rope_kvcache", "rope_kvcache_cat_mla", "attn_quant", "mla_attn_quant")
CHANGES = {
    "an epsilon set": Change(QUANT, "patterns/rms_norm_quant.pat", STATIC, ONE_EPSILON),
    "a larger epsilon set": Change(QUANT, "patterns/rms_norm_quant.pat", STATIC, LARGER),
    "a guard of a binding": Change(
        DUAL,
        "patterns/ops/aiter.pat",
        "= vllm::fused_mla_dual_rms_norm  on gfx942, gfx950",
        "= vllm::fused_mla_dual_rms_norm  on gfx950",
    ),
    "a binding less": Change(
        DUAL,
        "patterns/ops/aiter.pat",
        "  = vllm::fused_mla_dual_rms_norm  on gfx942, gfx950\n  | pat",
        "  = pat",
    ),
    "a limit of a kernel": Change(
        CACHE,
        "patterns/ops/attention.pat",
        'where supports(layer, "rope_kvcache")',
        'where D % 2 == 0 and supports(layer, "rope_kvcache")',
    ),
    "a kernel": Change(
        EVERY, "kernels/include/patdsl/scale.h", "#pragma once", "#pragma once\n#define CHANGED"
    ),
    "an op of ours": Change(
        EVERY, "patdsl/register_ops.py", "import annotations\n", "import annotations\n#\n"
    ),
    "what vLLM is asked": Change(
        EVERY, "patdsl/vllm/hosts.py", "import annotations\n", "import annotations\n#\n"
    ),
    "the order of kernels": Change(EVERY, environment={"PATDSL_PREFER": "patdsl,_C"}),
    "a comment": Change((), "patterns/rms_norm_quant.pat", STATIC, f"# {STATIC}\n\n{STATIC}"),
    "the layout of a pattern": Change(
        (), "patterns/rms_norm_quant.pat", STATIC, STATIC.replace(" { ", " {\n  ").replace(" }", "\n}")
    ),
}


def identities(
    root: Path, python: str = sys.executable, folder: Path = ROOT, **environment: str
) -> dict[str, str]:
    program = [python, str(root / "tests" / "with_vllm" / "identities.py")]
    run = subprocess.run(
        program,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root), "VLLM_LOGGING_LEVEL": "ERROR", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


def copied(to: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        shutil.copytree(ROOT / part, to / part, ignore=ignored)
    (to / "tests" / "with_vllm").mkdir(parents=True)
    shutil.copy(HERE / "identities.py", to / "tests" / "with_vllm")
    return to


def compiled(root: Path) -> None:
    command = [sys.executable, "-m", "patdsl", "compile", "patterns", "--output", "patdsl/library"]
    run = subprocess.run(
        command,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return identities(copied(tmp_path_factory.mktemp("plain")))


def differing(name: str, root: Path, plain: Mapping[str, str], python: str) -> set[str]:
    change = CHANGES[name]
    copied(root)
    if change.file:
        path = root / change.file
        text = path.read_text()
        assert text.count(change.old) == 1
        path.write_text(text.replace(change.old, change.new))
        if path.suffix == ".pat":
            compiled(root)
    found = identities(root, python, **change.environment)
    assert found.keys() == plain.keys()
    return {each for each in plain if found[each] != plain[each]}


def expected(name: str, passes: Mapping[str, str]) -> set[str]:
    differs = CHANGES[name].differs
    return set(passes) if differs == EVERY else {*differs, *(("the factor",) if differs else ())}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_it_and_what_does_not(name, plain, tmp_path):
    assert differing(name, tmp_path, plain, sys.executable) == expected(name, plain)


def in_processes(python: str, tmp_path: Path) -> list[dict[str, str]]:
    """Of two processes, which share neither the hash seed nor the folder, nor where patdsl stands."""
    (tmp_path / "elsewhere").mkdir()
    other = copied(tmp_path / "copy")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(identities, ROOT, python, ROOT, PYTHONHASHSEED="0")
        second = pool.submit(identities, other, python, tmp_path / "elsewhere", PYTHONHASHSEED="12345")
        return [first.result(), second.result()]


def test_two_processes_compute_equal_uuids(tmp_path):
    first, second = in_processes(sys.executable, tmp_path)
    assert first == second
    assert len(first) == 14
    assert len(set(first.values())) == 14


@pytest.mark.slow
@pytest.mark.skipif(not WITH_VLLM, reason="PATDSL_VLLM_PYTHON names no environment with vLLM")
class TestInVllm:
    def test_two_processes_compute_equal_uuids(self, tmp_path):
        first, second = in_processes(WITH_VLLM, tmp_path)
        assert first == second
        assert len(set(first.values())) == 14

    def test_an_epsilon_set_a_binding_a_kernel_and_their_order_change_it(self, tmp_path):
        plain = identities(copied(tmp_path / "plain"), WITH_VLLM)
        for at, name in enumerate(
            ("an epsilon set", "a guard of a binding", "a kernel", "the order of kernels", "a comment")
        ):
            found = differing(name, tmp_path / str(at), plain, WITH_VLLM)
            assert found == expected(name, plain), name
