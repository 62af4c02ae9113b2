"""The language reference: every example checks, and is a part of a golden file; every list in it is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patdsl.codes import CODES
from patdsl.compiler.ast_to_expr import ARITY
from patdsl.dtypes import TORCH_NAMES
from patdsl.pipeline import run
from patdsl.render import to_text

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
TEXT = (ROOT / "docs" / "language.md").read_text()
EXAMPLES = re.findall(r"```pat\n(.*?)```", TEXT, re.DOTALL)
SOURCES = [path.read_text() for path in sorted(GOLDEN.glob("*.pat"))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.sub(r"\W+", "_", text)[:40])
def test_each_example_checks(example, tmp_path):
    path = tmp_path / "example.pat"
    path.write_text(example)
    (outcome,) = run([path], roots=[GOLDEN])
    assert not outcome.errors, "\n".join(map(to_text, outcome.errors))
    assert any(example in source for source in SOURCES), "no golden file has this text"


def words(after: str, before: str) -> set[str]:
    start = TEXT.index(after) + len(after)
    return set(re.findall(r"[a-z_0-9]+", TEXT[start : TEXT.index(before, start)]))


def test_every_dtype_is_listed():
    assert words("this dtype: `", "` |") == set(TORCH_NAMES)


def test_every_predeclared_op_is_listed():
    declared = re.findall(r"^op (\w+)", (ROOT / "patterns" / "ops" / "aten.pat").read_text(), re.MULTILINE)
    listed = words("Every file sees `", "` (free)") | words("(free), and `", "`;\n")
    assert listed == set(declared)


def test_every_function_is_listed():
    listed = words("the functions `", "` of tensors") | words("of tensors and `", "` of numbers")
    assert listed == set(ARITY)


def test_codes_exist():
    assert set(re.findall(r"PAT\d{3}", TEXT)) <= set(CODES)
