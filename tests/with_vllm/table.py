"""The table of docs/vllm_passes.md: vLLM's pattern classes and ours, and what both match in vLLM's own pass tests.

    VLLM_LAB=... python tests/with_vllm/table.py [--sample N] > docs/vllm_passes.md

Needs vLLM 0.32 with the sources of its tests in `$VLLM_LAB/vt` and the stand-ins for a ROCm machine in `$VLLM_LAB`.
Each test file runs in a process of its own under `beside.py`, as many at once as there are cores; of each test at most
N cases, evenly chosen.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TESTS = (
    *(
        "test_fusion",
        "test_double_aiter_rms_quant_fusion",
        "test_fuse_act_padding",
        "test_fuse_mla_dual_rms_norm",
    ),
    *("test_silu_mul_quant_fusion", "test_rmsnorm_reshape_fusion", "test_qk_norm_rope_fusion"),
    *("test_rope_kvcache_fusion", "test_rocm_aiter_qk_norm_rope_kvcache_fusion"),
    *("test_mla_rope_kvcache_cat_fusion", "test_fusion_attn", "test_mla_attn_quant_fusion"),
)
#: So that no long one starts when the others are done.
LONGEST_FIRST = sorted(TESTS, key=lambda name: "rope" not in name)
#: Classes of vLLM that are no patterns but what patterns share.
SHARED = {
    *("AiterRMSNormQuantPattern", "FusedRMSQuantKey", "RMSNormQuantPattern", "ActivationQuantPattern"),
    *("FlashInferFusedAllReduceParams", "BasePattern"),
}
#: vLLM's class -> the pattern that says it, where the name does not follow from `ours_of`.
OURS = {
    "AiterRMSNormDynamicQuantPattern": "rms_norm_token_quant",
    "AiterFusedAddRMSNormDynamicQuantPattern": "add_rms_norm_token_quant",
    "AiterRMSFp8GroupQuantPattern": "rms_norm_group_quant",
    "AiterFusedAddRMSFp8GroupQuantPattern": "add_rms_norm_group_quant",
    "DoubleAiterRMSFp8GroupQuantPattern": "rms_norm_group_quant",
    "DoubleAiterRMSFp8GroupQuantViewPattern": "rms_norm_group_quant",
    "AiterRMSNormGatedFp8GroupQuantPattern": "gated_rms_norm_group_quant",
    "AiterSiluMulFp8GroupQuantPattern": "silu_mul_group_quant",
    "AddAiterRMSNormPadPattern": "add_rms_norm_pad",
    "MLADualRMSNormPattern": "mla_dual_rms_norm",
    "MLADualRMSPerTokenQuantPattern": "mla_dual_rms_norm_token_quant",
    "MLADualRMSGroupQuantPattern": "mla_dual_rms_norm_group_quant",
    "RMSNormStaticQuantPattern": "rms_norm_static_quant",
    "FusedAddRMSNormStaticQuantPattern": "add_rms_norm_static_quant",
    "FusedAddRMSNormGroupQuantPattern": "add_rms_norm_group_quant",
    "RMSNormGroupQuantPattern": "rms_norm_group_quant",
    "RMSNormDynamicQuantPattern": "rms_norm_token_quant",
    "FusedAddRMSNormDynamicQuantPattern": "add_rms_norm_token_quant",
    "FusedAddRMSNormNvfp4QuantPattern": "add_rms_norm_nvfp4_quant",
    "SiluMulFp8StaticQuantPattern": "silu_mul_static_quant",
    "SiluMulNvfp4QuantPattern": "silu_mul_nvfp4_quant",
    "SiluMulBlockQuantPattern": "silu_mul_group_quant",
    "AddRMSNormPattern": "add_rms",
    "RMSNormReshapePattern": "rms_reshape",
    "FusedAddRMSNormReshapePattern": "add_rms_reshape",
    "AllReduceRMSNormPattern": "ar_rms",
    "AllReduceFusedAddRMSNormPattern": "ar_add_rms",
    "AllReduceGemmaRMSNormPattern": "ar_rms",
    "AllReduceFusedAddGemmaRMSNormPattern": "ar_add_rms",
    "AllReduceFusedRMSNormStaticQuantFP8Pattern": "ar_rms_static_quant",
    "AllReduceFusedAddRMSNormStaticQuantFP8Pattern": "ar_add_rms_static_quant",
    "AllReduceFusedRMSNormStaticQuantNVFP4Pattern": "ar_rms_nvfp4_quant",
    "AllReduceFusedAddRMSNormStaticQuantNVFP4Pattern": "ar_add_rms_nvfp4_quant",
    "AiterAllreduceFusedRMSNormPattern": "ar_rms",
    "AiterAllreduceFusedGemmaRMSNormPattern": "ar_rms",
    "AiterAllreduceFusedAddRMSNormPattern": "ar_add_rms",
    "AiterAllreduceFusedAddGemmaRMSNormPattern": "ar_add_rms",
    "AiterAllreduceFusedAddRMSNormOutputOnlyPattern": "ar_add_rms",
    "AiterAllreduceFusedAddGemmaRMSNormOutputOnlyPattern": "ar_add_rms",
    "AiterAllreduceFusedRMSNormGroupQuantFP8Pattern": "ar_rms_group_quant",
    "AiterAllreduceFusedAddRMSNormGroupQuantFP8Pattern": "ar_add_rms_group_quant",
    "AiterAllreduceFusedAddRMSNormGroupQuantWithIndexerPattern": "ar_add_rms_group_quant_norm",
    "AttnFp8StaticQuantPattern": "attn_static_quant",
    "RocmAttnFp8StaticQuantPattern": "attn_static_quant",
    "AttnNvfp4QuantPattern": "attn_nvfp4_quant",
    "MLAAttnFp8StaticQuantPattern": "mla_attn_static_quant",
    "MLAAttnNvfp4QuantPattern": "mla_attn_nvfp4_quant",
    "MLAAttnFp8GroupQuantPattern": "mla_attn_group_quant",
    "MLARoPEKVCacheCatPattern": "mla_rope_kv_cache",
    "QkNormRopePattern": "qk_norm_rope",
    "QkNormRopeKvCachePattern": "qk_norm_rope_kv_cache",
    "QkNormMRopeKvCachePattern": "qk_norm_mrope_kv_cache",
    "RopeStaticQQuantKVCachePattern": "rope_kv_cache",
    "RopeReshapeKVCachePattern": "rope_kv_cache",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sample", type=int, default=8, help="cases of each test at most")
    parser.add_argument("--results", type=Path, help="a folder of results to read in the place of running")
    options = parser.parse_args()
    folder = options.results or Path(tempfile.mkdtemp())
    if options.results is None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = [
                pool.submit(run_test, test, folder / f"{test}.jsonl", options.sample)
                for test in LONGEST_FIRST
            ]
            runs.append(pool.submit(run_all_reduce, folder / "allreduce.jsonl"))
            for at, run in enumerate(as_completed(runs), 1):
                run.result()
                print(f"{at} of {len(runs)} files", file=sys.stderr)
    print("\n".join(["# vLLM's passes and ours", "", *introduction(), *classes(), "", *matches(folder)]))


def introduction() -> list[str]:
    return [
        "Made by `tests/with_vllm/table.py` in one run, with vLLM 0.32.0 as a ROCm build for gfx950 whose kernels are",
        "stand-ins.",
        "Lines of vLLM are those of the class, ours those of the pattern; what its ops are is declared in",
        "`patterns/ops/`, which several patterns share.",
        "",
    ]


def environment() -> dict[str, str]:
    lab = os.environ["VLLM_LAB"]
    path = os.pathsep.join(map(str, (ROOT, HERE, lab, Path(lab) / "vt")))
    return {**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}


def run_test(test: str, out: Path, sample: int) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--noconftest", "-p", "simplugin", "-p", "beside"),
            *("-p", "no:cacheprovider", "-q", f"tests/compile/passes/{test}.py"),
        ],
        cwd=Path(os.environ["VLLM_LAB"]) / "vt",
        env={**environment(), "PATDSL_BESIDE": str(out), "PATDSL_BESIDE_SAMPLE": str(sample)},
        stdout=sys.stderr,
        check=False,  # a test ends where its graph has been seen
    )


def run_all_reduce(out: Path) -> None:
    with out.open("w") as file:
        program = [sys.executable, str(HERE / "allreduce.py")]
        subprocess.run(program, env=environment(), stdout=file, check=True)


def classes() -> list[str]:
    """vLLM's classes, with the pattern of each."""
    lines = pattern_lines()
    found = ["| file | class | lines | pattern | lines |", "| --- | --- | --: | --- | --: |"]
    total: Counter[str] = Counter()
    for file, name, count in vllm_classes():
        ours = OURS[name]
        total.update(theirs=count, classes=1)
        found.append(f"| {file} | {name} | {count} | {ours} | {lines[ours]} |")
    distinct = set(OURS.values())
    ours_lines = sum(lines[name] for name in distinct)
    found.append(
        f"| | {total['classes']} classes | {total['theirs']} | {len(distinct)} patterns | {ours_lines} |"
    )
    return found


def vllm_classes() -> list[tuple[str, str, int]]:
    package = importlib.util.find_spec("vllm")
    assert package is not None
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "compilation" / "passes" / "fusion"
    found = []
    for path in sorted(folder.glob("*_fusion.py")):
        for each in ast.parse(path.read_text()).body:
            if isinstance(each, ast.ClassDef) and not each.name.endswith("Pass") and each.name not in SHARED:
                found.append((path.stem, each.name, (each.end_lineno or 0) - each.lineno + 1))
    return found


def pattern_lines() -> dict[str, int]:
    """The lines of each pattern in the library, comments not counted."""
    found = {}
    for path in (*(ROOT / "patterns").glob("*.pat"), *(ROOT / "patterns" / "vllm").glob("*.pat")):
        for match in re.finditer(r"^pattern (\w+).*?(?:\}$|^\}$)", path.read_text(), re.M | re.S):
            found[match[1]] = match[0].count("\n") + 1
    return found


def matches(folder: Path) -> list[str]:
    """What both match, for each test: cases with a graph, and the matches in them."""
    found = [
        "## Matches",
        "",
        "Each graph goes to both. A case that has no graph was skipped by vLLM, needs a GPU, or is of something else.",
        "",
        "| test | cases | with a graph | vLLM | patdsl | fewer |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    for path in sorted(folder.glob("*.jsonl")):
        by_test: dict[str, list[dict[str, Any]]] = {}
        for line in path.read_text().splitlines():
            row = json.loads(line)
            by_test.setdefault(row["test"].split("[")[0].split("/")[-1], []).append(row)
        for test, rows in by_test.items():
            graphs = [graph for row in rows for graph in row["graphs"]]
            theirs = [sum(graph["theirs"].values()) for graph in graphs]
            ours = [sum(graph["ours"].values()) for graph in graphs]
            fewer = sum(our < their for our, their in zip(ours, theirs, strict=True))
            found.append(f"| {test} | {len(rows)} | {len(graphs)} | {sum(theirs)} | {sum(ours)} | {fewer} |")
    return found


if __name__ == "__main__":
    main()
