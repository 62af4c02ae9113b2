"""No report goes untested: every place in the stages that reports is reached by a case of the other files."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import test_names
import test_ops
import test_patterns
from error_pages import findings, pages
from marked import run_marked

import patdsl
from patdsl.diagnostic import Diagnostics

STAGES = (
    "imports",
    "arguments",
    "ast_to_bindings",
    "ast_to_expr",
    "ast_to_ops",
    "block_builder",
    "variants",
    "left_side",
    "right_side",
    "ast_to_graph",
    "pattern_to_graph",
    "graph_to_plan",
    "containment",
    "unused",
)
FOLDER = Path(patdsl.__file__).parent / "compiler"

Site = tuple[str, int, int]


def sites() -> Iterator[Site]:
    """The calls that report: file, first line, last line."""
    for stage in STAGES:
        for node in ast.walk(ast.parse((FOLDER / f"{stage}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _reports(node):
                yield f"{stage}.py", node.lineno, node.end_lineno or node.lineno


def _reports(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id == "unknown_name"
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and str(first.value).startswith("PAT")


def test_every_site_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: set[tuple[str, int]] = set()
    add = Diagnostics.add

    def noted(self: Diagnostics, *args: Any, **more: Any) -> None:
        frame = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(str(FOLDER)):
            reached.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
            assert frame.f_back is not None
            frame = frame.f_back
        add(self, *args, **more)

    monkeypatch.setattr(Diagnostics, "add", noted)
    texts = [(text, files) for _, text, _, files in test_names.CASES]
    texts += [(text, {}) for _, text, _ in (*test_ops.CASES, *test_patterns.CASES)]
    for index, (text, files) in enumerate(texts):
        folder = tmp_path / str(index)
        folder.mkdir()
        run_marked(text, folder, files)
    for page in pages():
        folder = tmp_path / page.code
        folder.mkdir()
        findings(page, page.error, folder, as_error=True)
    missed = [
        f"{name}:{first}"
        for name, first, last in sites()
        if not any((name, line) in reached for line in range(first, last + 1))
    ]
    assert missed == []
