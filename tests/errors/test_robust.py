"""No input brings the tool down: no traceback, no long wait, whatever a file holds or where it lies."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patdsl.codes import CODES
from patdsl.locate import library_folder
from patdsl.pipeline import STAGES, Outcome, dump, run
from patdsl.render import to_json, to_text

#: Seconds of processor time. What is asked for is one; the machines that run this may be slow.
LIMIT = 3.0
IMPORTS = "import vllm_ir\nimport aiter\n"
LIBRARY = sorted(library_folder().rglob("*.pat"))
_TOKEN = re.compile(
    r'"[^"\n]*"|#[^\n]*|[A-Za-z_]\w*|\d+\.\.\d*x|\d+x|\d+(?:\.\d+)?(?:e-?\d+)?|->|=>|::|[<>=!]=|\S'
)
WORDS = """
import const host op pattern pass test and or not in true false none where on keep prefer over if
rounds restride only after when expect effect ref commutative free out mut same temp as
x y z T H B f g rms_norm group_quant view relu split fp8 bf16 f32 int float bool str tensor dtype
-> => :: = == != < > <= >= + - * / % ( ) [ ] { } , : . ? | _ 0 1 128 1e-6 2x 1..x 0x
"""
SOUP = [
    *WORDS.split(),
    *['"s"', "rank", "shape", "ceil", "# c\n", "\n", "*B", "vllm_ir", "\u00e9", "'", "\\"],
]


def checked(path: Path, *, limit: float = LIMIT) -> Outcome:
    """Run the whole pipeline and show everything that it found."""
    start = time.process_time()
    outcome = run([path])[0]
    took = time.process_time() - start
    for item in outcome.diagnostics:
        assert item.code in CODES
        assert to_text(item)
        assert to_json(item)["message"]
        if item.span is not None:
            assert 0 <= item.span.start <= item.span.end <= len(item.span.source.text)
    for stage in STAGES:
        dump(outcome, stage)
    assert took < limit, f"{took:.1f} s"
    assert outcome.module is None or not outcome.errors
    return outcome


def codes(outcome: Outcome) -> list[str]:
    return [item.code for item in outcome.errors]


def check_text(text: str, folder: Path) -> Outcome:
    path = folder / "case.pat"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return checked(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.sampled_from(SOUP), max_size=60))
def test_token_soup(words: list[str], tmp_path: Path) -> None:
    check_text(" ".join(words), tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80))
def test_any_text(text: str, tmp_path: Path) -> None:
    path = tmp_path / "case.pat"
    path.write_bytes(text.encode("utf-8", "replace"))
    checked(path)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(LIBRARY), changes=st.integers(1, 3), seed=st.integers(0, 2**32))
def test_the_library_with_changes(file: Path, changes: int, seed: int, tmp_path: Path) -> None:
    """Words of a file put in place of others nearby: mostly right syntax, mostly wrong meaning."""
    chance = random.Random(seed)  # noqa: S311
    text = file.read_text(encoding="utf-8")
    for _ in range(changes):
        tokens = [found for found in _TOKEN.finditer(text) if not found.group().startswith("#")]
        old = chance.choice(tokens)
        near = [one.group() for one in tokens if abs(one.start() - old.start()) < 200]
        new = chance.choice([chance.choice(near), chance.choice(near), chance.choice(SOUP), ""])
        text = f"{text[: old.start()]} {new} {text[old.end() :]}"
    for other in LIBRARY:
        if other.parent == file.parent and not (tmp_path / other.name).exists():
            (tmp_path / other.name).write_text(other.read_text(encoding="utf-8"), encoding="utf-8")
    check_text(text, tmp_path)


def chain(names: str, right: str = "relu") -> str:
    return f"{IMPORTS}pattern p {{ {names} => {right} }}\n"


LARGE: dict[str, tuple[str, set[str]]] = {
    "10 MB": ("# comment\n" * 1_000_000, {"PAT003"}),
    "a line of 100 kB": ("const a = " + "1 + " * 25_000 + "1", {"PAT014"}),
    "nested parentheses": ("const a = " + "(" * 10_000 + "1" + ")" * 10_000, {"PAT014"}),
    "nested parentheses of chains": (chain("(" * 10_000 + "relu" + ")" * 10_000), {"PAT014"}),
    "nested groups": (chain("relu -> (relu, " * 3_000 + "relu" + ")" * 3_000), {"PAT014"}),
    "parentheses left open": ("const a = " + "(" * 10_000, {"PAT014"}),
    "operators": ("const a = " + "-" * 10_000 + "1", {"PAT014"}),
    "unknown ops": (
        IMPORTS + "".join(f"pattern p{i} {{ rms_nrom{i} -> group_quant => relu }}\n" for i in range(2_000)),
        {"PAT107"},
    ),
    "unknown names": (
        IMPORTS + "".join(f"pattern p{i} {{\n y = relu(x)\n=>\n y = neg(x{i})\n}}\n" for i in range(2_000)),
        {"PAT307"},
    ),
    "syntax errors": ("pattern p { relu relu }\n" * 2_000, {"PAT010", "PAT022"}),
    "declared twice": ("const a = 1\n" * 2_000, {"PAT101"}),
    "statements": (
        f"{IMPORTS}pattern p {{\n"
        + "".join(f" y{i} = relu(x)\n" for i in range(8_000))
        + "=>\n y0 = neg(x)\n}",
        {"PAT318"},
    ),
    "a long chain": (chain(" -> ".join(["relu"] * 20_000)), {"PAT318"}),
    "a long list": (chain("split([" + ", ".join(f"D{i}" for i in range(5_000)) + "], -1)"), {"PAT318"}),
    "many dims": (
        "op f(x: T[" + ", ".join(f"D{i}" for i in range(5_000)) + "]) -> (y: T[D1]) = a::b",
        {"PAT211"},
    ),
    "many parameters": (
        "op f(" + ", ".join(f"x{i}: T[H]" for i in range(5_000)) + ") -> (y: T[H]) = a::b",
        {"PAT211"},
    ),
    "many variants": (
        f"{IMPORTS}pattern p["
        + ", ".join(f"g{i} in {{1, 2, 3}}" for i in range(12))
        + "] { relu -> relu => relu }",
        {"PAT315"},
    ),
    "many alternatives": (chain(" -> ".join(["(relu | neg)"] * 12)), {"PAT315"}),
    "a huge fan-out": (chain("relu -> 1000000x neg", "1000000x neg"), {"PAT018"}),
    "a long string of a string": ('const a = "a" * 100000000000', {"PAT208"}),
    "a huge number": ("const a = " + " * ".join(["9223372036854775807"] * 60), set()),
    "divisions by zero": (
        "const a = 1 / 0\nconst b = 1 % 0\nconst c = ceil(1 / 0)\nconst d = 1.0 / 0",
        {"PAT208"},
    ),
    "imports of one file": (
        "".join(f"import vllm_ir (rms_norm as r{i})\n" for i in range(3_000)),
        {"PAT116"},
    ),
    "passes in a circle": (
        f"{chain('relu -> relu')}"
        + "".join(f"pass q{i} after q{(i + 1) % 2000} {{ p }}\n" for i in range(2_000)),
        {"PAT406"},
    ),
    "bindings": ("op f(x: T[H]) -> (y: T[H]) = " + " | ".join(f"a::b{i}" for i in range(5_000)), set()),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_files(name: str, tmp_path: Path) -> None:
    text, expected = LARGE[name]
    assert set(codes(check_text(text, tmp_path))) >= expected


def test_2000_errors_are_all_reported(tmp_path: Path) -> None:
    assert codes(check_text(LARGE["unknown ops"][0], tmp_path)) == ["PAT107"] * 2_000


def test_a_deep_chain_of_imports(tmp_path: Path) -> None:
    for index in range(5_000):
        (tmp_path / f"f{index}.pat").write_text(f"import f{index + 1} (c)\n")
    (tmp_path / "f5000.pat").write_text("const c = 1\n")
    assert codes(checked(tmp_path / "f0.pat")) == ["PAT114"]


@pytest.mark.parametrize("length", [1, 2, 3, 40])
def test_cycles_of_imports(length: int, tmp_path: Path) -> None:
    for index in range(length):
        (tmp_path / f"f{index}.pat").write_text(f"import f{(index + 1) % length}\n")
    assert codes(checked(tmp_path / "f0.pat")) == ["PAT104"]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside the folder `inside` that `.pat` files there must not read."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.pat").write_text("const secret = 42\n")
    return tmp_path / "outside.pat"


def test_imports_from_outside(secret: Path) -> None:
    inside = secret.parent / "inside"
    (inside / "link.pat").symlink_to(secret)
    (inside / "folder").symlink_to(secret.parent)
    written = [
        '"../outside.pat"',
        f'"{secret}"',
        "link",
        "folder.outside",
        '"link.pat"',
        '"folder/outside.pat"',
    ]
    for path in written:
        outcome = check_text(f"import {path} (secret)\n", inside)
        assert codes(outcome) == ["PAT103"], path
        assert "42" not in "".join(map(to_text, outcome.diagnostics))


def test_a_root_lets_imports_in(secret: Path) -> None:
    path = secret.parent / "inside" / "case.pat"
    path.write_text("import outside (secret)\nop f(x: T[H]) -> (y: T[H]) = a::b where H % secret == 0\n")
    assert codes(run([path])[0]) == ["PAT102"]
    assert run([path], roots=[secret.parent])[0].diagnostics == ()


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "loop.pat").symlink_to(tmp_path / "loop.pat")
    paths = [tmp_path / "none.pat", tmp_path, tmp_path / "loop.pat", tmp_path / ("x" * 5_000), Path("a\0b")]
    for path in paths:
        assert codes(checked(path)) == ["PAT001"], path


@pytest.mark.parametrize("data", [b"\xff\xfe", b"const a = \xe9", b"\x00", b"\xed\xa0\x80"])
def test_bytes_that_are_no_text(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "case.pat").write_bytes(data)
    assert set(codes(checked(tmp_path / "case.pat"))) <= {"PAT002", "PAT004"}
    (tmp_path / "user.pat").write_text("import case\nimport case (a)\nop f(x: T[a]) -> (y: T[a]) = b::c\n")
    assert codes(checked(tmp_path / "user.pat")) == ["PAT105", "PAT105"]


def test_imports_of_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.pat").mkdir()
    (tmp_path / "loop.pat").symlink_to(tmp_path / "loop.pat")
    for path in ("folder", '"folder.pat"', "loop", '"' + "x" * 5_000 + '"', "x" * 5_000, '""', '"."'):
        assert codes(check_text(f"import {path}\n", tmp_path)) == ["PAT102"], path


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="a superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "closed.pat").write_text("const a = 1\n")
    (tmp_path / "closed.pat").chmod(0)
    assert codes(checked(tmp_path / "closed.pat")) == ["PAT001"]
    assert codes(check_text("import closed\n", tmp_path)) == ["PAT105"]
