"""Files that are made to harm: the right result or a clear finding, soon, in little memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from test_robust import IMPORTS, chain, check_text, checked, codes

from patdsl.compiler import variants
from patdsl.pipeline import run
from patdsl.syntax import path_to_source

MEBIBYTE = 1 << 20
OP = "op f(x: T[*B, H]) -> (y: T[*B, H]) = a::b\n"
NINES = "9" * 100_000


def op_with_dim(dim: str) -> str:
    return f"{OP}op g(x: T[*B, H]) -> (y: T[*B, {dim}]) = a::c\npattern p {{ f -> f => g }}\n"


#: Text, and the codes of its errors.
HOSTILE: dict[str, tuple[str, list[str]]] = {
    "optional ops in a group": (chain(f"relu -> ({', '.join(['neg?'] * 40)})"), ["PAT315"]),
    "alternatives in a group": (chain(f"relu -> ({', '.join(['(relu | neg)'] * 40)})"), ["PAT315"]),
    "optional ops in a chain": (chain("relu -> " + "neg? -> " * 250 + "abs"), ["PAT315"]),
    "parameters": (
        f"{IMPORTS}pattern p[{', '.join(f'g{i} in {{1, 2}}' for i in range(2_000))}] {{ relu -> relu => relu }}",
        ["PAT315"],
    ),
    "optional views": (chain("relu -> " + "view? -> " * 40 + "neg"), []),
    "sets that multiply": (OP + ("where H in {" + ", ".join(map(str, range(200))) + "}\n") * 20, []),
    "an integer of 10^5 digits": (f"const a = {NINES}", ["PAT013"]),
    "a float of 10^5 digits": (f"const a = 0.{NINES}", []),
    "a float without an end": ("const a = 1e999", ["PAT013"]),
    "an exponent of 10^5 digits": (f"const a = 1e{NINES}", ["PAT013"]),
    "a fan-out of a million": (chain("relu -> 1000000x neg"), ["PAT018"]),
    "a fan-out of 10^5 digits": (chain(f"relu -> {NINES}x neg"), ["PAT013", "PAT018"]),
    "a number of all bits": ("const a = " + " * ".join(["9223372036854775807"] * 90), ["PAT208"]),
    "a path of folders": (f"import {'a.' * 20_000}a", ["PAT102"]),
    "a path of folders as a string": (f'import "{"a/" * 20_000}a.pat"', ["PAT102"]),
    "a path upwards": (f'import "{"../" * 300}etc/passwd"', ["PAT102"]),
    "paths of folders": ("".join(f"import {'a.' * 30}b{i}\n" for i in range(100)), ["PAT102"] * 100),
    "10^4 imports": ("".join(f"import a{i}\n" for i in range(10_000)), ["PAT102"] * 1_000 + ["PAT116"]),
    "itself": ("import case", ["PAT104"]),
    "a line of a mebibyte": ("const a = 1 #" + "x" * (MEBIBYTE - 13), []),
    "a name of a mebibyte": ("const " + "x" * (MEBIBYTE - 10) + " = 1", []),
    "a right-to-left override": ("const a = 1 # \u202e", ["PAT004"]),
    "an isolate in a string": ('const a = "\u2066"', ["PAT004"]),
    "NUL": ("const a\0 = 1", ["PAT004"]),
    "a carriage return": ("const a = 1 # x\rconst b = 2", ["PAT004"]),
    "line ends of Windows": ("\ufeffconst a = 1\r\nconst b = 2\r\n", []),
    "a Cyrillic letter": ("const \u0430 = 1", ["PAT012"]),
    "a letter that NFKC makes plain": ("const \uff41 = 1", ["PAT012"]),
    "the Kelvin sign": ("const \u212a = 1", ["PAT012"]),
    "digits of another script": ("const a = \u0661", ["PAT010", "PAT012"]),
    "a letter behind a name": ("const a\u0301 = 1", ["PAT012"]),
    "a test whose chain is broken": ('test "" { c\nrounds }', ["PAT010", "PAT010"]),
    "a string as a dim": (op_with_dim('"a"'), ["PAT302"]),
    "none as a dim": (op_with_dim("none"), ["PAT302"]),
    "a dtype as a dim": (op_with_dim("bf16"), ["PAT302"]),
    "a list as a dim": (op_with_dim("[1, 2]"), ["PAT302"]),
    "a condition as a dim": (op_with_dim("(H > 1)"), ["PAT302"]),
    "a shape as a dim": (op_with_dim("shape(x)"), []),
    "a remainder as a dim": (op_with_dim("H % 2"), []),
    "a division by zero as a dim": (op_with_dim("H / 0"), []),
    "a remainder by zero": (OP + "pattern p { f -> f => f where H % 0 == 0 or H % (H - H) == 0 }", []),
    "a constant string as a dim": ('const c = "a"\n' + op_with_dim("c"), []),
    "a constant string as a dim of the left side": (
        f'const c = "a"\n{OP}op g(x: T[*B, c]) -> (y: T[*B, c]) = a::c\npattern p {{ g -> f => f }}\n',
        [],
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str, tmp_path: Path) -> None:
    text, expected = HOSTILE[name]
    found = codes(check_text(text, tmp_path))
    assert sorted(found) == expected


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_little_memory(name: str, tmp_path: Path) -> None:
    (tmp_path / "case.pat").write_text(HOSTILE[name][0], encoding="utf-8")
    tracemalloc.start()
    try:
        run([tmp_path / "case.pat"])
        assert tracemalloc.get_traced_memory()[1] < 64 * MEBIBYTE
    finally:
        tracemalloc.stop()


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / f"{name}.pat").write_text(text)
    return folder / "a0.pat"


def test_a_file_reached_in_exponentially_many_ways(tmp_path: Path) -> None:
    last = 50
    both = {f"{side}{i}": f"import a{i + 1}\nimport b{i + 1}\n" for side in "ab" for i in range(last)}
    path = write(tmp_path, {**both, f"a{last}": "const a = 1\n", f"b{last}": "const b = 1\n"})
    assert codes(checked(path)) == []


def test_files_that_all_import_each_other(tmp_path: Path) -> None:
    names = range(40)
    path = write(tmp_path, {f"a{i}": "".join(f"import a{j}\n" for j in names if j != i) for i in names})
    assert set(codes(checked(path))) == {"PAT104"}


def test_10_000_imported_files(tmp_path: Path) -> None:
    files = {f"b{i}": f"const c{i} = 1\n" for i in range(2_000)}
    path = write(tmp_path, {"a0": "".join(f"import {name}\n" for name in files), **files})
    assert codes(checked(path)) == ["PAT116"]


# Nothing outside the roots is read. Each way out, with links of the file system


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """A folder in which `.pat` files lie; beside it one that they must not read, and links to it."""
    folder = tmp_path / "inside"
    (folder / "below").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.pat").write_text("const secret = 42\n")
    (folder / "link.pat").symlink_to(tmp_path / "outside" / "secret.pat")
    (folder / "chain.pat").symlink_to(folder / "link.pat")
    (folder / "folder").symlink_to(tmp_path / "outside")
    (folder / "up").symlink_to("..")
    (folder / "below" / "relative.pat").symlink_to("../../outside/secret.pat")
    return folder


WAYS_OUT = [
    *("link", "chain", "folder.secret", "up.outside.secret", "below.relative"),
    *('"link.pat"', '"chain.pat"', '"folder/secret.pat"', '"up/outside/secret.pat"', '"below/relative.pat"'),
    *('"../outside/secret.pat"', '"below/../../outside/secret.pat"', '"./../inside/../outside/secret.pat"'),
]


@pytest.mark.parametrize("way", [*WAYS_OUT, '"{outside}/secret.pat"', '"{outside}/../inside/link.pat"'])
def test_no_way_leads_out(way: str, inside: Path) -> None:
    outcome = check_text(f"import {way.format(outside=inside.parent / 'outside')} (secret)\n", inside)
    assert codes(outcome) == ["PAT103"]


def test_no_way_leads_out_of_an_imported_file(inside: Path) -> None:
    (inside / "below" / "b.pat").write_text('import "../../outside/secret.pat" (secret)\n')
    assert set(codes(check_text("import below.b\n", inside))) == {"PAT103"}


def test_what_lies_outside_is_not_told(inside: Path) -> None:
    """Whether there is such a file must not show either."""
    messages = []
    for name in ("secret", "nothing"):
        outcome = check_text(f'import "../outside/{name}.pat"\n', inside)
        messages.append([item.message.replace(name, "") for item in outcome.diagnostics])
    assert messages[0] == messages[1]


# That these tests can fail


def test_without_the_check_of_links_a_way_leads_out(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patdsl.compiler.imports._resolved", lambda path: path.absolute())
    assert codes(check_text("import link (secret)\n", inside)) == []


def test_without_the_count_variants_multiply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "MOST_VARIANTS", 1 << 50)
    text = chain(f"relu -> ({', '.join(['neg?'] * 9)})")
    assert "PAT315" not in codes(check_text(text, tmp_path))


def test_without_the_check_of_characters_a_text_hides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_to_source, "check_characters", lambda *given: True)
    monkeypatch.setattr("patdsl.syntax.text_to_ast.check_characters", lambda *given: True)
    assert codes(check_text("const a = 1 # \u202e", tmp_path)) == []
