"""Modules for vLLM: their text, what they do where patdsl cannot be imported, what is left out of them and why."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from peer_compare import both_of, graph_of, our_places
from peer_faults import missed
from peer_fx import results, same, to_fx
from peer_spec import text_of
from vllm_modules import HERE, PATTERNS, STAND_IN, alone, load, made, made_of

from patdsl import cli

GOLDEN = HERE / "golden"
NAMES = ("add_rms_fusion", "attn_quant_fusion", "qk_norm_rope_kvcache_fusion", "rocm_aiter_fusion")
FILES = sorted(path.stem for path in PATTERNS.glob("*.pat"))
#: Why a pattern of `patterns/vllm` is in no module.
NATIVE = "`rms_norm_gated` is spelled as an op of patdsl's own or torch code in several ops only"
#: Without the peers of torch's matcher: `left = 0.5`.
NORM = """\
op norm(x: T[*B, H], w: T[H]) -> (y: T[*B, H]) = lib::norm
op quant(y: T[*B, H], g: int) -> (q: fp8[*B, H], s: f32[*B, H / g]) = lib::quant
op fused(x: T[*B, H], w: T[H], g: int) -> (q: fp8[*B, H], s: f32[*B, H / g]) = lib::fused
op own(x: T[*B, H], w: T[H], g: int) -> (q: fp8[*B, H], s: f32[*B, H / g]) = patdsl::fused
"""


@pytest.mark.parametrize("name", NAMES)
def test_the_text(name, request):
    path = GOLDEN / f"{name}.py"
    text = made(PATTERNS / f"{name}.pat").module
    if request.config.getoption("update_goldens"):
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; pytest --update-goldens accepts what is made now"


@pytest.mark.parametrize("name", FILES)
def test_the_text_is_the_same_each_time_and_needs_torch_and_vllm_only(name):
    text = made(PATTERNS / f"{name}.pat").module
    assert text == made(PATTERNS / f"{name}.pat").module
    code = [line for line in text.splitlines() if not line.startswith("#")]
    assert not any("patdsl" in line for line in code)
    imported = {line.split()[1].split(".")[0] for line in code if line.startswith(("import ", "from "))}
    assert imported - set(sys.stdlib_module_names) == {"torch", "vllm"}


def test_the_text_is_formatted(tmp_path):
    for name in FILES:
        (tmp_path / f"{name}.py").write_text(made(PATTERNS / f"{name}.pat").module)
    config = str(HERE.parents[1] / "pyproject.toml")
    for command in (["format", "--check"], ["check", "--select", "F,E7,E9"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", config, str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_left_out_of_vllms_patterns():
    left_out = {}
    for name in FILES:
        for each in made(PATTERNS / f"{name}.pat").diagnostics:
            if each.code in ("PAT701", "PAT702"):
                pattern, _, reason = each.message.partition(" is not in the module for vLLM: ")
                left_out[pattern.strip("`")] = (each.code, reason)
    assert {name: why for name, why in left_out.items() if why[0] == "PAT701"} == {
        "gated_rms_norm_group_quant": ("PAT701", NATIVE),
        "gated_rms_norm_heads_quant": ("PAT701", NATIVE),
    }
    own = {name for name, why in left_out.items() if why[0] == "PAT702"}
    quants = ("static", "token", "group", "mx")
    norms = ("rms_norm", "add_rms_norm")
    assert own == {
        *(f"{norm}_{quant}_quant_keep" for norm in norms for quant in quants),
        *(f"{norm}_group_quant_layouts" for norm in norms),
        *(f"{norm}_mx_quant" for norm in norms),
        *(f"gelu_mul_{quant}_quant" for quant in quants),
        *("silu_mul_token_quant", "silu_mul_mx_quant", "rms_norm_pad"),
    }


@pytest.mark.parametrize(
    ("pattern", "code", "told"),
    [
        ("pattern p { norm -> quant => own }", "PAT702", "only patdsl has a kernel of `own`"),
        (
            "pattern p(x: T[*B, H], w: T[H]) {\n  y = norm(x, w)\n  q, s = quant(y, g)\n"
            "=>\n  q, s = fused(x, w, g)\n  keep y\n}",
            "PAT701",
            "it keeps `y`, an op inside the match that torch's matcher replaces",
        ),
        (
            "pattern p(x: T[*B, H], w: T[H]) {\n  y = norm(x, w)\n  q, s = 2x quant(y, 64)\n"
            "  p, r = 1..x quant(y, 128)\n=>\n  q, s = fused(x, w, 64)\n  p, r = fused(x, w, 128)\n}",
            "PAT701",
            "it has several fan-outs",
        ),
    ],
)
def test_a_pattern_is_left_out_and_why(pattern, code, told, tmp_path):
    outcome = made_of(f"{NORM}\n{pattern}\n", tmp_path)
    found = {each.code: each for each in outcome.diagnostics}
    assert told in found[code].message
    assert found[code].severity == "warning"
    assert found[code].span.source.line_column(found[code].span.start)[0] > NORM.count("\n")
    assert [each.code for each in outcome.errors] == ["PAT703"]  # it was the only one
    assert outcome.module is None


def test_the_others_of_a_file_are_in_its_module(tmp_path):
    text = f"{NORM}\npattern p {{ norm -> quant => own }}\npattern q {{ norm -> 2x quant => fused }}\n"
    outcome = made_of(text, tmp_path)
    assert not outcome.errors
    assert "#     p: only patdsl has a kernel of `own`" in outcome.module
    assert "class Q(Fusion):" in outcome.module
    assert "class P(Fusion):" not in outcome.module


CALLS = {
    **{f"{count} quants": ["mini.norm_quant"] for count in (1, 2, 3, 4)},
    "a dead scale": ["mini.norm_quant"],
    "3-D": ["aten.reshape", "mini.norm_quant", "aten.reshape", "aten.reshape"],
    "a view": ["aten.reshape", "mini.norm_quant"],
    "an op that writes": [*["aten.empty.memory_format"] * 3, "mini.activate_quant"],
    "a store": ["mini.twice_store", "aten.neg"],
    "vLLM: a sum": ["vllm_ir.fused_add_rms_norm"],
    "vLLM: a reshape": ["aten.reshape", "vllm_ir.rms_norm"],
}


def judge_alone(found):
    """What every interpreter must have printed."""
    cases = found["cases"]
    assert all(is_same for _, is_same, _ in cases.values()), cases
    assert {name: calls for name, (count, _, calls) in cases.items() if count} == CALLS
    assert {count for count, _, _ in cases.values()} == {0, 1}
    assert found["table"] == {"quants": 8, "stores": 1, "add_rms_fusion": 1, "rms_norm_reshape": 1}
    assert found["ranges"] == [True, False]
    assert len(set(found["uuids"].values())) == 4


def test_a_module_runs_where_patdsl_cannot_be_imported(tmp_path):
    first, second = (alone(sys.executable, str(STAND_IN), tmp_path) for _ in range(2))
    judge_alone(first)
    assert first["uuids"] == second["uuids"]  # in every process


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:erase_node")
def test_wherever_a_module_fires_the_engine_does_and_the_results_stay(tmp_path):
    """The random patterns and graphs that torch's matcher is compared on. What only the engine finds torch's matcher
    finds by no means, but for the faults that tests/peer names.
    """
    counts: Counter[str] = Counter()
    for seed in range(12):
        both = both_of(seed)
        text = made_of(text_of(both.spec), tmp_path).module
        assert text is not None
        module = load(text, tmp_path, f"case_{seed}")
        for number in range(4):
            graph = graph_of(both, seed, number)
            fused = to_fx(graph)
            for node in fused.graph.find_nodes(op="call_function", target=torch.ops.aten.view.default):
                node.target = torch.ops.aten.reshape.default
            fused.recompile()
            names = {node.name for node in fused.graph.nodes}
            before = results(fused, graph)
            applied = module.CasePass(None)
            applied(fused.graph)
            fused.graph.lint()
            fused.recompile()
            assert same(before, results(fused, graph)), (seed, number)
            places = our_places(both.ours, graph)
            gone = names - {node.name for node in fused.graph.nodes}
            if applied.matched_count:
                assert any(place <= gone for place in places), (seed, number)
                counts["both"] += 1
            elif places:
                whys = {missed(both.spec, both.theirs, graph, place) for place in places}
                assert () not in whys, (seed, number)
                counts["ours"] += 1
    assert counts["both"] > counts["ours"] > 0, counts


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a.pat").write_text(f"{NORM}\npattern q {{ norm -> 2x quant => fused }}\n")
    asked = ["compile", "--target", "vllm", "a.pat"]
    assert cli.main(asked) == 0
    printed = capsys.readouterr().out
    assert printed == made(Path("a.pat")).module
    assert cli.main([*asked, "-o", "a.py", "--check"]) == 1
    assert cli.main([*asked, "-o", "a.py"]) == 0
    assert Path("a.py").read_text() == printed
    assert cli.main([*asked, "-o", "a.py", "--check"]) == 0
    assert cli.main(["compile", "a.pat", "-o", "a.py", "--check"]) == 1  # the other target's is another one
    assert cli.main(["compile", "--target", "tvm", "a.pat"]) == 2
    assert "Traceback" not in capsys.readouterr().err
