"""One mistake, one error; two mistakes, two errors in one run."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import OPS

from patdsl.pipeline import run

#: (text, the messages' first words): everything that is reported, in order.
CASES: dict[str, tuple[str, list[str]]] = {
    "an unknown op on the left of a chain": (
        "pattern p { nrom -> view? -> 2x quant => 2x fused }",
        ["unknown op `nrom`"],
    ),
    "an unknown op on the right of a chain, and what it would take": (
        "pattern p { norm -> quant => fsued }",
        ["unknown op `fsued`"],
    ),
    "an unknown op in a block": (
        "pattern p {\n  y = nrom(x, w, eps)\n  q, s = quant(y, g)\n=>\n  q, s = fused(x, w, eps, g)\n}",
        ["unknown op `nrom`"],
    ),
    "an unknown op in every variant": (
        "pattern p[g in {32, 64, 128}] { a: relu? -> nrom -> quant(g=g) => a? -> fused(g=g) }",
        ["unknown op `nrom`"],
    ),
    "an unknown op on each side": (
        "pattern p { nrom -> quant => fsued }",
        ["unknown op `nrom`", "unknown op `fsued`"],
    ),
    "an unknown op on the right of a block, and what reads its results": (
        "pattern p {\n  y = norm(x, w, eps)\n  q, s = quant(y, g)\n=>\n  f, t = fsued(x, w, eps, g)\n"
        "  q = view(f, shape(q))\n  s = t\n}",
        ["unknown op `fsued`"],
    ),
    "two patterns": (
        "pattern p { nrom -> quant => fused }\npattern q { norm -> qaunt => fused }",
        ["unknown op `nrom`", "unknown op `qaunt`"],
    ),
    "a declaration and a pattern": (
        "const c = 1 / 0\nop f(x: T[*A, *B]) -> (y: T[c]) = a::f\npattern q { norm -> qaunt => fused }",
        ["`*B` is the second", "`c` has no value", "unknown op `qaunt`"],
    ),
    "a broken op that patterns use": (
        "op broken(x: T[H) -> (y: T[H]) = a::b\npattern p { broken -> relu => broken }\npattern q { broken => relu }",
        ["expected"],
    ),
    "a broken pattern that a pass lists": (
        "pattern p { norm -> => fused }\npattern q { norm -> quant => fused prefer q over p }\npass s { p, q }",
        ["expected"],
    ),
    "a broken const that ops read": (
        "const c 1\nop f(x: T[H]) -> (y: T[H]) = a::f where H % c == 0",
        ["expected `=`"],
    ),
    "an import that is not there": (
        "import nowhere\npattern p { thing -> quant => other_thing }\npass s after elsewhere { p, r }",
        ["no file for import"],
    ),
    "an import item that is not there": (
        "import vllm_ir (rms_nrom as n)\npattern p { n -> quant => n }",
        ["`vllm_ir` declares no `rms_nrom`"],
    ),
    "a misspelt parameter": (
        "pattern p { norm(ep=1e-6) -> quant => fused }",
        ["`norm` has no parameter `ep`"],
    ),
    "a misspelt parameter on the right": (
        "pattern p { norm -> quant(g=_) => fused(group=1) }",
        ["`fused` has no parameter `group`"],
    ),
    "a name defined twice on the right": (
        "pattern p {\n  y = relu(x)\n=>\n  y = neg(x)\n  y = relu(x)\n}",
        ["`y` is defined twice on the right"],
    ),
    "an unknown option of a parameter": (
        "pattern p[f in {norm, nrom}] { f -> quant => fused }",
        ["unknown name `nrom`"],
    ),
    "a pattern that failed, in a pass": (
        "pattern p { norm -> qaunt => fused }\npass s { p }",
        ["unknown op `qaunt`"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_reported(name: str, tmp_path: Path) -> None:
    text, expected = CASES[name]
    path = tmp_path / "case.pat"
    path.write_text(text + OPS, encoding="utf-8")
    outcome = run([path])[0]
    found = [item.message for item in outcome.diagnostics]
    assert len(found) == len(expected), found
    assert all(any(message.startswith(words) for message in found) for words in expected), found
    assert outcome.module is None


def test_an_error_in_an_import_is_told_once_for_each_file(tmp_path: Path) -> None:
    (tmp_path / "deep.pat").write_text("op f(x: T[H) -> (y: T[H]) = a::f\n")
    (tmp_path / "middle.pat").write_text("import deep\nop g(x: T[H]) -> (y: T[H]) = f\n")
    (tmp_path / "top.pat").write_text("import middle (g)\npattern p { g => relu }\n")
    outcome = run([tmp_path / "top.pat"])[0]
    assert [item.code for item in outcome.errors] == ["PAT105", "PAT016"]
    assert outcome.module is None


def test_files_of_one_run_do_not_change_each_others_findings(tmp_path: Path) -> None:
    (tmp_path / "a.pat").write_text("import b\npattern p { f => relu }\n")
    (tmp_path / "b.pat").write_text("op f(x: T[H]) -> (y: T[H]) = a::f\npattern q { f -> nothing => relu }\n")
    paths = [tmp_path / "a.pat", tmp_path / "b.pat"]
    alone = {path.name: _codes(run([path])[0].diagnostics) for path in paths}
    for order in (paths, paths[::-1]):
        together = {outcome.path.name: _codes(outcome.diagnostics) for outcome in run(order)}
        assert together["b.pat"] == alone["b.pat"]
    assert alone["b.pat"] == ["PAT107"]


def _codes(diagnostics: object) -> list[str]:
    return sorted(item.code for item in diagnostics)  # type: ignore[attr-defined]
