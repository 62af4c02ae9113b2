"""Patterns that test themselves: right ones pass, each kind of wrong one is noticed, and what was not run is told."""

from __future__ import annotations

import json
from importlib.metadata import entry_points

import pytest
import torch

from patdsl import pipeline
from patdsl.cli import main
from patdsl.locate import library_folder
from patdsl.selftest.files import FileTests
from patdsl.selftest.mutants import mutants
from patdsl.selftest.mutation_run import mutate
from patdsl.selftest.tester import Prepared
from patdsl.selftest.verify import verify

OPS = """
import vllm_ir
import aiter
"""
RIGHT = OPS + "pattern p { rms_norm -> view? -> 2x group_quant => 2x rms_norm_group_quant }\n"
#: Its `ref` gives another value than its parts do.
WRONG = """
op double(x: T[*B]) -> (y: T[*B])
  = aten::add.Tensor(x, x)
  ref operator:neg

op minus_two(x: T[*B]) -> (y: T[*B])
  = selftest_missing::gone
  ref operator:neg

pattern p { relu -> neg => minus_two }
"""
WRITTEN = (
    RIGHT
    + """
test "two quants" (x: bf16[10, 256], weight: bf16[256]) {
  relu(x) -> rms_norm(weight=weight, epsilon=1e-6) -> 2x group_quant(group_size=128)
  expect p COUNT
}
"""
)


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="own.pat"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return to_file


def file_tests(path):
    (compiled,) = pipeline.run([path], stop_after="plan")
    assert not compiled.errors
    return FileTests(compiled, "cpu")


def results(path):
    with file_tests(path) as tests:
        return {test.title: outcome for test in tests.tests() if (outcome := tests.run(test)) is not None}


def test_a_right_pattern_passes_with_tests_of_every_kind(write):
    found = results(write(RIGHT))
    assert {outcome.verdict for outcome in found.values()} == {"passed", "not run"}
    reasons = ("is not registered in this process", "its guard does not hold")
    assert all(each.reason.endswith(reasons) for each in found.values() if each.verdict == "not run")
    for title in (
        "matches",
        "matches with more leading dims",
        "matches with a view between y and group_quant_2 of one branch",
        "matches with weight=none",
        "matches with T=f16",
        "left alone with 1 of group_quant",
        "left alone with 3 of group_quant",
        "left alone where y is a result",
        "left alone where something else reads y",
        "left alone where x of group_quant_2 is not y",
        "left alone where group_size differs in one branch of group_quant",
        "means the same where something writes x between",
    ):
        assert found[title].verdict == "passed", title


def test_a_rewrite_that_computes_something_else_fails(write, capsys):
    path = write(WRONG)
    assert results(path)["matches"].verdict == "failed"
    assert main(["test", str(path), "-k", "matches"]) == 1
    told = capsys.readouterr().out
    assert f"failed {path}:10: p: matches" in told
    assert "elements differ, first at" in told


def test_a_rewrite_that_computes_something_else_is_not_verified(write, capsys):
    path = write(WRONG)
    with file_tests(path) as tests:
        (tester,) = tests.testers()
        found = verify(tester)
    assert found.verdict == "failed"
    assert not found.identical
    assert main(["verify", str(path)]) == 1
    assert "1 failed" in capsys.readouterr().out


def test_what_cannot_run_is_never_called_verified(write, capsys):
    path = write(
        "op lost(x: T[*B]) -> (y: T[*B])\n  = selftest_missing::gone\n\npattern p { relu -> neg => lost }\n"
    )
    assert main(["test", str(path)]) == 0
    assert "not tested" in capsys.readouterr().out
    assert main(["verify", str(path)]) == 1
    told = capsys.readouterr().out
    assert "not verified" in told
    assert "selftest_missing::gone.default: not registered in this process" in told


def test_verified_with_the_distance_from_float64(write):
    with file_tests(write(RIGHT)) as tests:
        (tester,) = tests.testers()
        found = verify(tester)
    assert found.verdict == "verified"
    assert found.identical
    assert found.runs >= 20
    assert 0 < found.fused_error == found.unfused_error < 3


@pytest.mark.parametrize(("count", "code"), [(1, 0), (2, 1)])
def test_written_tests(write, capsys, count, code):
    path = write(WRITTEN.replace("COUNT", str(count)))
    assert main(["test", str(path), "-k", "two quants"]) == code
    told = capsys.readouterr().out
    assert ("line 8: p matched 1, expected 2" in told) == bool(code)


def test_a_written_test_with_an_unknown_name_is_an_error(write, capsys):
    path = write(WRITTEN.replace("COUNT", "1").replace("weight=weight", "weight=wight"))
    assert main(["check", str(path)]) == 1
    told = "".join(capsys.readouterr())
    assert "wight" in told
    assert ":7:" in told


def test_exit_first_and_json(write, capsys):
    path = write(WRONG)
    assert main(["test", str(path), "-x", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["ok"]
    assert [row["verdict"] for row in document["tests"]].count("failed") == 1
    assert document["tests"][-1]["place"] == f"{path}:10"


def test_cuda_without_a_gpu_is_a_sentence(write, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert main(["test", str(write(RIGHT)), "--device", "cuda"]) == 1
    assert "torch sees no GPU" in capsys.readouterr().err


def test_every_mutant_differs_and_none_survives(write):
    """Of a pattern with a set, a count and a condition, in a block."""
    path = write(
        OPS
        + """
pattern p(x: T[M, H], weight: T[H]) {
  y        = rms_norm(x, weight, epsilon)
  q, scale = 2x group_quant(y, group_size in {64, 128})
=>
  q, scale = 2x rms_norm_group_quant(x, weight, epsilon, group_size)
  where M <= 64
}
"""
    )
    with file_tests(path) as tests:
        (tester,) = tests.testers()
        made = list(mutants(tester.pattern, tester.context.ops))
        assert all(each.pattern != tester.pattern for each in made)
        found = mutate(tester)
    assert found.total == len(made) > 15
    assert not [mutant.title for mutant, why in found.survivors if not why]


def test_a_mutant_is_noticed_by_running_not_by_comparing(write):
    with file_tests(write(RIGHT)) as tests:
        (tester,) = tests.testers()
        plain = tester.prepare(tester.cases()[0])
        assert isinstance(plain, Prepared)
        assert tester.check(plain).verdict == "passed"
        assert tester.check(plain, tester.pattern).verdict == "passed"


def test_integers_are_written_in_another_order():
    """They may be places in a table, as positions are: others would be past its end."""
    found = results(library_folder() / "vllm" / "qk_norm_rope_fusion.pat")
    assert found["means the same where something writes positions between"].verdict == "passed"


def test_an_input_that_orders_calls_has_to_stay():
    """It changes no value."""
    with file_tests(library_folder() / "vllm" / "attn_quant_fusion.pat") as tests:
        tester = next(iter(tests.testers()))
        plain = tester.prepare(tester.cases()[0])
        made = {each.title: each.pattern for each in mutants(tester.pattern, tester.context.ops)}
        outcome = tester.check(plain, made["dep of the new attention_static_quant is left out"])
    assert outcome.verdict == "failed"
    assert outcome.reason == "`q` no longer depends on dep"


def test_stand_ins_go_with_their_scope(write):
    with file_tests(write(WRONG)) as tests:
        assert tests.stand_ins == ("minus_two",)
        (tester,) = tests.testers()
        target = tester.context.ops["minus_two"].bindings[-1].target
        assert tester.context.exists(target)
    assert not tester.context.exists(target)


def test_pytest_collects_what_it_is_given(write, pytester_run):
    path = write(WRITTEN.replace("COUNT", "2"))
    told = pytester_run(path, "-k", "two or matches")
    assert "two quants" in told
    assert f"{path}:6" in told
    assert "1 failed" in told
    assert "passed" in told


def test_pytest_leaves_pat_files_beside_python_tests_alone(write, tmp_path, pytester_run):
    write(RIGHT)
    (tmp_path / "test_own.py").write_text("def test_it():\n    pass\n")
    assert "1 passed" in pytester_run(tmp_path)
    assert "1 passed" not in pytester_run(tmp_path, "--patdsl", "-k", "leading or test_it")


@pytest.fixture
def pytester_run(tmp_path):
    import subprocess
    import sys

    installed = entry_points(group="pytest11", name="patdsl")  # else the tree is on the path alone
    plugin = () if installed else ("-p", "patdsl.pytest_plugin")

    def run(*arguments):
        command = [sys.executable, "-m", "pytest", *plugin, "-p", "no:cacheprovider", "-q"]
        done = subprocess.run(
            [*command, "--rootdir", str(tmp_path), *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr

    return run
