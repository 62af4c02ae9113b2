"""Reading files: what is taken, and what is said about files that cannot be."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from patdsl.codes import CODES
from patdsl.diagnostic import Diagnostic, Diagnostics
from patdsl.source import Source
from patdsl.syntax.path_to_source import MAX_BYTES, read_source


def read(path: Path | str) -> tuple[Source | None, list[Diagnostic]]:
    diagnostics = Diagnostics()
    return read_source(path, diagnostics), diagnostics.items


def written(folder: Path, data: bytes) -> Path:
    path = folder / "x.pat"
    path.write_bytes(data)
    return path


def refused(path: Path | str) -> Diagnostic:
    source, found = read(path)
    assert source is None
    assert len(found) == 1
    assert found[0].code in CODES
    return found[0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"const a = 1\n", "const a = 1\n"),
        (b"\xef\xbb\xbfconst a = 1", "const a = 1"),
        (b"a\r\nb\r\n", "a\nb\n"),
        ("# Größe → 2\tx".encode(), "# Größe → 2\tx"),
    ],
)
def test_texts_that_are_taken(tmp_path: Path, data: bytes, text: str) -> None:
    path = written(tmp_path, data)
    source, found = read(path)
    assert found == []
    assert source is not None
    assert (source.name, source.text) == (str(path), text)


def test_the_source_is_named_as_the_user_named_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, b"a")
    monkeypatch.chdir(tmp_path)
    source, _ = read("./x.pat")
    assert source is not None
    assert source.name == "./x.pat"


def test_a_missing_file(tmp_path: Path) -> None:
    found = refused(tmp_path / "none.pat")
    assert (found.code, found.span) == ("PAT001", None)
    assert found.message == f"there is no file `{tmp_path / 'none.pat'}`"


def test_a_folder(tmp_path: Path) -> None:
    found = refused(tmp_path)
    assert found.code == "PAT001"
    assert "is a folder" in found.message


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no device files here")
def test_a_device_is_not_read() -> None:
    found = refused("/dev/zero")
    assert found.code == "PAT001"
    assert "not a regular file" in found.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pat")
    assert refused(tmp_path / "pipe.pat").code == "PAT001"


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="a superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = written(tmp_path, b"a")
    path.chmod(0)
    assert "cannot be read" in refused(path).message


@pytest.mark.parametrize("name", ["x\0.pat", "x" * 5000 + ".pat", "file.pat/inside.pat"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.pat").write_text("a")
    assert refused(f"{tmp_path}/{name}").code == "PAT001"


@pytest.mark.parametrize(
    ("data", "offset", "byte", "line"),
    [
        (b"\xff", 0, "0xff", 1),
        (b"# a\n# \xe4\n", 6, "0xe4", 2),
        (b"\xef\xbb\xbf# \xc3(", 5, "0xc3", 1),
        (b"# \xed\xa0\x80", 2, "0xed", 1),
    ],
)
def test_bytes_that_are_not_utf8(tmp_path: Path, data: bytes, offset: int, byte: str, line: int) -> None:
    found = refused(written(tmp_path, data))
    assert found.code == "PAT002"
    assert f"byte {byte} at offset {offset} (line {line})" in found.message
    assert found.help == "save the file as UTF-8"


def test_the_largest_file_is_taken_and_a_larger_one_is_not(tmp_path: Path) -> None:
    source, found = read(written(tmp_path, b"#" * MAX_BYTES))
    assert source is not None
    assert found == []
    found_larger = refused(written(tmp_path, b"#" * (MAX_BYTES + 1)))
    assert found_larger.code == "PAT003"
    assert str(MAX_BYTES) in found_larger.message


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, b"const a = 1\n" * 1_000_000)
    start = time.process_time()
    assert refused(path).code == "PAT003"
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("char", "words"),
    [
        ("\0", "U+0000 (control character)"),
        ("\x1b", "U+001B (control character)"),
        ("\x85", "U+0085 (control character)"),
        ("\r", "U+000D (control character)"),
        ("\u202e", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        ("\u2066", "U+2066 (LEFT-TO-RIGHT ISOLATE)"),
        ("\u200b", "U+200B (ZERO WIDTH SPACE)"),
        ("\ufeff", "U+FEFF (ZERO WIDTH NO-BREAK SPACE)"),
    ],
)
def test_characters_that_cannot_be_seen(tmp_path: Path, char: str, words: str) -> None:
    found = refused(written(tmp_path, f"const a = 1\n# b{char}c\n".encode()))
    assert found.code == "PAT004"
    assert words in found.message
    assert found.span is not None
    assert found.span.source.line_column(found.span.start) == (2, 4)
    assert found.span.text == char


def test_a_binary_file_gets_few_messages(tmp_path: Path) -> None:
    source, found = read(written(tmp_path, bytes(range(128)) * 1000))
    assert source is None
    assert 1 < len(found) <= 20
