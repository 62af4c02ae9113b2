"""The demo: what it measures, prints and exits with, on its smallest models; its yardsticks against known numbers."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import attrs
import click
import pytest
import torch

from patdsl import cli
from patdsl.demo import measure as measuring
from patdsl.demo import run
from patdsl.demo.compare import distance, same, step, value
from patdsl.demo.float64_ops import Float64
from patdsl.demo.guard import guarded
from patdsl.demo.models import MODELS
from patdsl.demo.run import main

OPS = torch.ops.patdsl


@pytest.fixture
def _cold(monkeypatch):
    """Leaves out what torch.compile does once, which changes only how long the first model takes."""
    monkeypatch.setattr(run, "warm_up", lambda device: 0.0)


@pytest.mark.slow  # a first compilation takes torch ten seconds
@pytest.mark.usefixtures("_cold")
def test_json_of_two_models(capfd):
    code = cli.main(
        ["demo", "--json", "--device", "cpu", "--model", "silu_mul_quant", "--model", "plain_add_norm"]
    )
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert code == 0
    assert document["ok"] is True
    assert {"patdsl", "torch", "device", "target", "seconds", "library", "models"} < document.keys()
    assert document["library"]["patterns"] > 0
    silu, add = document["models"]
    assert silu["ops_before"] == {"patdsl::group_quant": 1, "patdsl::silu_and_mul": 1}
    assert silu["ops_after"] == {"patdsl::silu_mul_group_quant": 1}
    assert silu["matches"] == {"silu_mul_group_quant": 1}
    assert silu["identical"] is True
    assert silu["rounds"] == []
    assert silu["steps"]["from_unfused"] == 0
    assert 0.25 < silu["steps"]["from_float64"] < 0.65  # it is rounded, and by not more than can be explained
    assert silu["passes_ms"] > 0
    assert add["ops_after"] == {"aten::relu": 1, "patdsl::fused_add_rms_norm": 1}
    assert add["rounds"] == ["add_rms_norm"]
    assert add["identical"] is False
    assert add["steps"]["from_float64"] < add["steps"]["unfused_from_float64"]
    assert "[3/3]" in err


@pytest.mark.slow
@pytest.mark.usefixtures("_cold")
def test_text_of_a_model(capfd):
    assert main(["silu_mul_quant"], device="cpu") == 0
    out, err = capfd.readouterr()
    for line in (
        "before   silu_and_mul, group_quant",
        "after    silu_mul_group_quant",
        "1 model fused on cpu",
    ):
        assert line in out
    assert "exact" in out
    assert "\x1b" not in out + err


@pytest.mark.slow
@pytest.mark.usefixtures("_cold")
def test_a_model_that_does_not_fuse_is_a_failure(tmp_path, capfd):
    Path(tmp_path, "other.pat").write_text(
        "import vllm_ir\nimport aiter\npattern p { rms_norm -> group_quant => rms_norm_group_quant }\n"
    )
    assert main(["silu_mul_quant"], device="cpu", folder=tmp_path, as_json=True) == 1
    document = json.loads(capfd.readouterr().out)
    assert document["ok"] is False
    assert document["models"][0]["matches"] == {}
    (problem,) = document["models"][0]["problems"]
    assert problem == "expected silu_mul_group_quant after the passes, found silu_and_mul, group_quant"


@pytest.mark.slow
@pytest.mark.usefixtures("_cold")
def test_results_that_differ_are_a_failure(monkeypatch, capfd):
    """Fused results are falsified after the compilation: one bit of one scale."""
    compile_and_run = measuring.compile_and_run

    def falsified(function, inputs, passes):
        made = compile_and_run(function, inputs, passes)
        if passes is not None:
            made.results[0][1].view(torch.int32)[0, 0] += 1
        return made

    monkeypatch.setattr(measuring, "compile_and_run", falsified)
    assert main(["silu_mul_quant"], device="cpu") == 1
    out = capfd.readouterr().out
    assert "silu_mul_quant: results differ from those of the unfused model" in out
    assert "1 of 1 model failed" in out


def test_errors_of_the_library_are_shown(tmp_path, capfd):
    Path(tmp_path, "bad.pat").write_text("import nothing_here\n")
    assert main(["silu_mul_quant"], folder=tmp_path) == 1
    err = capfd.readouterr().err
    assert "bad.pat" in err
    assert "nothing_here" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "silu"], "no model is called 'silu'; the models are: norm_two_quants"),
        (["--device", "tpu"], "tpu"),
    ],
)
def test_wrong_options(arguments, said, capfd):
    assert cli.main(["demo", *arguments]) == 2
    err = capfd.readouterr().err
    assert said in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_no_compiler_is_one_sentence(tmp_path):
    environment = {**os.environ, "CXX": "/no/such/compiler", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "patdsl", "demo", "--device", "cpu", "--model", "silu_mul_quant"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    library, error = done.stderr.splitlines()
    assert done.returncode == 1
    assert error.startswith(
        "Error: torch.compile builds C++ on the CPU and found no working compiler: install g++"
    )
    assert library.startswith("library: ")
    assert done.stdout == ""
    assert list(tmp_path.glob("patdsl-demo-*")) == []


def test_only_what_is_not_installed_is_explained():
    InvalidCxxCompiler = type("InvalidCxxCompiler", (RuntimeError,), {})  # noqa: N806 torch's name

    def fail(error, cause=None):
        raise error from cause

    with pytest.raises(click.ClickException, match="install g"):
        guarded(lambda: fail(RuntimeError("outer"), InvalidCxxCompiler("inner")))
    with pytest.raises(RuntimeError, match="another"):
        guarded(lambda: fail(RuntimeError("another")))
    assert guarded(lambda: 5) == 5


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_models_are_within_their_bounds_and_the_bounds_are_not_idle(model):
    """The unfused ops, run one by one, are as near to float64 as is stated, and float64 itself is exact."""
    inputs = model.make_inputs("cpu")
    results = model.forward(OPS, *inputs)
    exact = model.forward(Float64(), *map(value, inputs))
    assert len(results) == len(exact) == len(model.bounds)
    late = (
        2 if model.name.startswith("plain_add") else 1
    )  # they round the sum, which their fused form does not
    for result, true, bound in zip(results, exact, model.bounds, strict=True):
        off = distance(result, true, true, bound.sums)
        assert off <= bound.steps * late
        assert off == 0 or off > bound.steps / 4
        assert value(result).shape == value(true).shape


def test_names_of_models_differ():
    assert len({model.name for model in MODELS}) == len({model.title for model in MODELS}) == len(MODELS)


def test_inputs_are_the_same_every_time():
    for left, right in zip(MODELS[0].make_inputs("cpu"), MODELS[0].make_inputs("cpu"), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn])
def test_a_step_is_the_distance_of_neighbours(dtype):
    """Against an enumeration of every finite positive value of the dtype."""
    whole = {1: torch.uint8, 2: torch.int16}[dtype.itemsize]
    codes = torch.arange(2 ** (8 * dtype.itemsize - 1)).to(whole)
    numbers = codes.view(dtype).to(torch.float64)
    numbers = numbers[numbers.isfinite()]
    assert torch.equal(step(numbers[:-1], dtype), numbers.diff())


def test_distance():
    exact = torch.tensor([1.0, 3.0], dtype=torch.float64)
    near = torch.tensor([1.0, 3.0 + 1 / 64], dtype=torch.bfloat16)
    assert distance(near, exact, exact) == 1.0  # bf16 has steps of 1/64 in [2, 4)
    assert distance(near, near, exact) == 0.0
    assert distance(near, torch.full((2,), math.nan), exact) == math.inf
    assert distance(near, torch.zeros(3), exact) == math.inf
    quantised = (torch.tensor([[1.0, 2.0, 4.0, 8.0]]), torch.tensor([[0.5, 2.0]]))
    assert value(quantised).tolist() == [[0.5, 1.0, 8.0, 16.0]]


def test_sums_have_no_step_below_that_at_the_rms():
    exact = torch.tensor([1e-6, 1.0], dtype=torch.float64)
    off = torch.tensor([1e-6 + 1 / 256, 1.0]).to(torch.bfloat16)
    assert distance(off, exact, exact) > 1000
    assert 0.9 < distance(off, exact, exact, sums=True) < 1.1  # 1/256, the step just below 1


def test_same_looks_at_bits_and_layout():
    zeros = torch.zeros(2, 3)
    assert same((zeros, zeros), (zeros.clone(), zeros))
    assert not same(zeros, -zeros)
    assert not same(zeros, zeros.to(torch.bfloat16))
    assert not same(zeros, zeros.t().contiguous().t())
    assert same(torch.full((2,), math.nan), torch.full((2,), math.nan))


def test_rounded_elsewhere_is_no_failure_only_where_a_pattern_says_so():
    found = measuring.Compiled((), {}, {"patdsl::fused": 1}, {}, 0.0, 0.0)
    model = attrs.evolve(MODELS[0], fused={"patdsl::fused": 1}, bounds=())
    assert list(measuring._problems(model, found, (), True)) == []
    assert list(measuring._problems(model, found, (), False)) == [
        "results differ from those of the unfused model"
    ]
