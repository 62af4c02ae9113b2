"""The library that comes with patdsl: generated modules are fresh, and every `ref` is what its op declares."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from patdsl.locate import library_folder
from patdsl.op_table import Op
from patdsl.pipeline import compile_module, run

MODULES = Path(__file__).parents[1] / "patdsl" / "library"
FILES = sorted(library_folder().glob("*.pat"))


def referenced() -> list[Op]:
    outcomes = run(sorted(library_folder().rglob("*.pat")), stop_after="graph")
    return [op for each in outcomes if each.unit for op in each.unit.own_ops.values() if op.ref]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_module_checked_in_is_what_the_file_compiles_to(path: Path) -> None:
    assert (MODULES / f"{path.stem}.py").read_text() == compile_module(path)


def test_no_module_is_without_a_file() -> None:
    assert {path.stem for path in MODULES.glob("*.py")} - {"__init__"} == {path.stem for path in FILES}


@pytest.mark.parametrize("op", referenced(), ids=lambda op: op.name)
def test_a_ref_takes_what_its_op_declares(op: Op) -> None:
    module, name = str(op.ref).split(":")
    function = getattr(importlib.import_module(module), name)
    parameters = inspect.signature(function).parameters
    assert set(op.param) <= set(parameters), f"{op.ref} takes {list(parameters)}"
