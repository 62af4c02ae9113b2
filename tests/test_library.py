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
FILES = sorted([*library_folder().glob("*.pat"), *(library_folder() / "vllm").glob("*.pat")])


def module_of(path: Path) -> Path:
    return (MODULES / path.relative_to(library_folder())).with_suffix(".py")


def referenced() -> list[Op]:
    outcomes = run(sorted(library_folder().rglob("*.pat")), stop_after="graph")
    return [op for each in outcomes if each.unit for op in each.unit.own_ops.values() if op.ref]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_module_checked_in_is_what_the_file_compiles_to(path: Path) -> None:
    assert module_of(path).read_text() == compile_module(path)


def test_no_module_is_without_a_file() -> None:
    there = set(MODULES.rglob("*.py"))
    assert there == set(map(module_of, FILES))


@pytest.mark.parametrize("op", referenced(), ids=lambda op: op.name)
def test_a_ref_takes_what_its_op_declares(op: Op) -> None:
    module, name = str(op.ref).split(":")
    function = getattr(importlib.import_module(module), name)
    parameters = inspect.signature(function).parameters
    assert set(op.param) <= set(parameters), f"{op.ref} takes {list(parameters)}"
