"""`module:callable`: run only when asked for, compiled as far as the graphs; what cannot be done is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from patdsl.cli import main

MODULE = """\
import pathlib

import torch

import patdsl.register_ops

print("imported")
pathlib.Path("was_imported").touch()


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(256).bfloat16())

    def forward(self, x, breaks=False):
        y = torch.ops.patdsl.rms_norm(x, self.weight, 1e-6)
        first = torch.ops.patdsl.group_quant(y.view(-1, 256), 128)
        second = torch.ops.patdsl.group_quant(y, 128)
        if breaks:
            torch._dynamo.graph_break()
            return first, torch.ops.patdsl.rms_norm(second[1].bfloat16(), self.weight[:2], 1e-6)
        return first, second


X = torch.ones(4, 8, 256).bfloat16()


class Here:
    make = staticmethod(lambda: (Model(), (X,)))


def make():
    return Model(), (X,)


def keywords():
    return Model(), {"x": X, "breaks": True}


def compiled():
    return torch.compile(Model()), [X]


def alone():
    return Model()


def triple():
    return Model(), (X,), {}


def number():
    return Model(), 3


def failing():
    raise SystemExit("no weights here")


def misfit():
    return Model(), (X[..., :-1],)


def no_graph():
    return (lambda x: x), (1,)


value = 3
"""
PATTERN = """\
import vllm_ir
import aiter (rms_norm_group_quant as fused)

pattern three { rms_norm -> view? -> 3x group_quant => 3x fused }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    Path("own_model.py").write_text(MODULE)
    Path("broken_model.py").write_text("import nothing_of_this_name\n")
    Path("three.pat").write_text(PATTERN)
    yield tmp_path
    sys.modules.pop("own_model", None)


def explain(*arguments: str) -> int:
    return main(["explain", *arguments, "--patterns", "three.pat", "--target", "cpu"])


@pytest.mark.parametrize("name", ["make", "compiled", "Here.make"])
def test_a_model(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = list(sys.path)
    assert explain(f"own_model:{name}", "--run", "--json") == 0
    printed = capsys.readouterr()
    (graph,) = json.loads(printed.out)["graphs"]
    assert "imported" in printed.err
    (miss,) = graph["misses"]
    assert (graph["graph"], miss["kind"], miss["at"]["name"]) == (
        f"0 of own_model:{name}",
        "count",
        "rms_norm",
    )
    assert "2x group_quant => 2x fused" in miss["suggestion"]["diff"]
    assert "y = torch.ops.patdsl.rms_norm" in miss["at"]["source"]
    assert sys.path == path


def test_each_graph_of_a_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain("own_model:keywords", "--run", "--json") == 0
    graphs = json.loads(capsys.readouterr().out)["graphs"]
    assert [graph["graph"] for graph in graphs] == ["0 of own_model:keywords", "1 of own_model:keywords"]
    assert [miss["kind"] for graph in graphs for miss in graph["misses"]] == ["count", "branch"]


def test_nothing_is_run_unless_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain("own_model:make") == 2
    assert "add --run" in capsys.readouterr().err
    assert not Path("was_imported").exists()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("not_there:make", "PAT606", "cannot be imported: ModuleNotFoundError"),
        ("broken_model:make", "PAT606", "nothing_of_this_name"),
        ("own_model:not_there", "PAT606", "has no `not_there`"),
        ("own_model:value", "PAT606", "is a `int` and cannot be called"),
        ("own_model:alone", "PAT607", "returned a `Model`"),
        ("own_model:triple", "PAT607", "a `tuple` of a `Model`, a `tuple`, a `dict`"),
        ("own_model:number", "PAT607", "returned a `int` as inputs"),
        ("own_model:failing", "PAT607", "SystemExit: no weights here"),
        ("own_model:misfit", "PAT608", "a float vector of 255"),
        ("own_model:no_graph", "PAT608", "torch makes no graph"),
    ],
)
def test_what_cannot_be_done(
    name: str, code: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(name, "--run") == 1
    error = capsys.readouterr().err
    assert f"error[{code}]" in error
    assert words in error


def test_a_file_is_not_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain("three.pat", "--run") == 2
    assert "--run takes module:callable" in capsys.readouterr().err


def test_without_torch(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert explain("own_model:make", "--run") == 1
    assert "needs torch" in capsys.readouterr().err
