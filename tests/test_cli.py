"""The command line: what each command prints, writes and exits with, and that nothing a user does shows a traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.cells import cell_len

from patdsl import cli, pipeline
from patdsl.version import __version__

ONE_LINE = """\
import vllm_ir
import aiter (rms_norm_group_quant as fused)

pattern double_quant {
  rms_norm -> view? -> 2x group_quant => 2x fused
}
"""
BROKEN = "const a = 1\nimport vllm_irr\n"
UNFORMATTED = "import   vllm_ir  # the ops\n\n\n\nconst a=1\n"


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def patdsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        code = cli.main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Result(code, captured.out, captured.err)

    return run


def write(path: str, text: str = ONE_LINE) -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def subprocess_patdsl(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "patdsl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload, no-any-return]


# The frame


def test_version_and_help(patdsl: Run) -> None:
    assert patdsl("--version") == (0, f"patdsl, version {__version__}\n", "")
    shown = patdsl("--help")
    assert shown.code == 0
    for name, line in cli.COMMANDS.items():
        assert f"  {name:<8} {line}\n" in shown.out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(patdsl: Run, name: str) -> None:
    assert patdsl(name, "--help").out.startswith(f"Usage: patdsl {name} ")


@pytest.mark.parametrize(
    "arguments",
    [["chekc"], ["check"], ["check", "--no-such"], ["compile", "--stop-after", "tokens", "a.pat"], ["fmt"]],
)
def test_usage_errors_exit_with_2(patdsl: Run, arguments: list[str]) -> None:
    write("a.pat")
    result = patdsl(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Error: " in result.err


@pytest.mark.parametrize("command", ["check", "fmt", "compile"])
def test_a_folder_without_pat_files_exits_with_2(patdsl: Run, command: str) -> None:
    write("empty/readme.txt", "")
    result = patdsl(command, "empty")
    assert result.code == 2
    assert "no .pat file in empty/" in result.err


@pytest.mark.parametrize("command", ["check", "fmt", "compile", "show"])
def test_torch_is_not_imported(tmp_path: Path, command: str) -> None:
    (tmp_path / "a.pat").write_text(ONE_LINE)
    code = (
        "import sys; from patdsl.cli import main\n"
        f"assert main([{command!r}, 'a.pat']) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_imports_no_compiler() -> None:
    code = "import sys; from patdsl.cli import main; main(['--help']); assert 'lark' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_a_bug_is_one_line_and_exit_3(
    patdsl: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("lost\x1b[2J")

    write("a.pat")
    monkeypatch.setattr(pipeline, "run", broken)
    result = patdsl("check", "a.pat")
    assert (result.code, result.out) == (cli.EXIT_BUG, "")
    assert result.err.count("\n") == 1
    assert f"a bug in patdsl {__version__}: KeyError: 'lost\\x1b[2J'" in result.err
    assert "PATDSL_TRACEBACK=1" in result.err
    monkeypatch.setenv("PATDSL_TRACEBACK", "1")
    assert cli.main(["check", "a.pat"]) == cli.EXIT_BUG
    assert "Traceback (most recent call last)" in capfd.readouterr().err


def test_interruption_is_not_a_traceback(patdsl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    write("a.pat")
    monkeypatch.setattr(pipeline, "run", interrupted)
    result = patdsl("check", "a.pat")
    assert (result.code, result.out, result.err.strip()) == (cli.EXIT_INTERRUPTED, "", "interrupted")


def test_a_reader_that_goes_away_is_not_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "patdsl", "show", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == cli.EXIT_BROKEN_PIPE == 128 + signal.SIGPIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.pat").write_text(ONE_LINE)
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "patdsl", "compile", "a.pat"]
        done = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "error: [Errno 28] No space left on device\n"


def test_a_terminal_that_knows_only_ascii_gets_escapes(tmp_path: Path) -> None:
    (tmp_path / "a.pat").write_text("入力\n")
    done = subprocess_patdsl("check", "a.pat", cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert "\\u5165\\u529b" in done.stdout


# check


def test_check_says_what_it_saw(patdsl: Run) -> None:
    write("a.pat")
    assert patdsl("check", "a.pat") == (0, "1 file: no errors\n", "")


def test_check_prints_findings_in_order_of_the_files(patdsl: Run) -> None:
    write("p/b.pat", BROKEN)
    write("p/a/z.pat", BROKEN + "import aitre\n")
    write("p/c.pat")
    result = patdsl("check", "p")
    assert result.code == 1
    places = [line.split("--> ")[1] for line in result.out.splitlines() if "-->" in line]
    assert places == ["p/b.pat:2:8", "p/a/z.pat:2:8", "p/a/z.pat:3:8"]
    assert "2 | import vllm_irr\n  |        ^^^^^^^^\n" in result.out
    assert "did you mean" in result.out
    assert result.out.endswith("\n3 files: 3 errors\n")
    assert "\x1b" not in result.out


def test_check_reports_an_import_once(patdsl: Run) -> None:
    write("ops.pat", "op f(x: T[H]) -> (y: T[K])\n  = ns::f\n  = oops\n")
    write("a.pat", "import ops\n")
    write("b.pat", "import ops\n")
    shown = json.loads(patdsl("check", "--json", ".").out)
    of_ops = [item for item in shown["diagnostics"] if item["file"] == "ops.pat"]
    assert of_ops
    assert len(of_ops) == len({(item["code"], item["line"], item["column"]) for item in of_ops})


def test_check_json(patdsl: Run) -> None:
    write("a.pat", BROKEN)
    result = patdsl("check", "--json", "a.pat")
    shown = json.loads(result.out)
    assert (result.code, result.err, shown["files"]) == (1, "", ["a.pat"])
    (item,) = shown["diagnostics"]
    assert (item["file"], item["line"], item["column"], item["end_column"]) == ("a.pat", 2, 8, 16)
    assert item["severity"] == "error"


def test_a_missing_file_is_a_finding_and_the_others_are_checked(patdsl: Run) -> None:
    write("b.pat", BROKEN)
    result = patdsl("check", "a.pat", "b.pat")
    assert result.code == 1
    assert "there is no file `a.pat`" in result.out
    assert "b.pat:2:8" in result.out


def test_a_file_named_twice_is_checked_once(patdsl: Run) -> None:
    write("p/a.pat", BROKEN)
    assert "1 file: 1 error\n" in patdsl("check", "p", "p/a.pat", "p/../p").out


def test_hidden_folders_are_left_out(patdsl: Run) -> None:
    write("p/.venv/a.pat", BROKEN)
    write("p/a.pat")
    assert patdsl("check", "p").out == "1 file: no errors\n"


def test_roots_say_where_imports_may_be(patdsl: Run) -> None:
    write("far/mine.pat", "const one = 1\n")
    write("p/a.pat", "import mine (one)\n")
    assert patdsl("check", "p").code == 1
    assert patdsl("check", "p", "--root", "far").code == 0
    assert patdsl("check", "p", "--root", "nowhere").code == 2


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"(" * 10_000,
        b"pattern p { " + b"(" * 10_000 + b"x" + b")" * 10_000 + b" => y }",
        b"x" * 10_000_000,
        b"const a = " + b"9" * 100_000,
        b"\x1b[2J\x00",
        b"import a\n",
        b"pattern p {",
        bytes(range(256)) * 100,
    ],
    ids=["not-utf-8", "parentheses", "nested-call", "10-MB", "digits", "controls", "itself", "open", "bytes"],
)
@pytest.mark.parametrize("command", ["check", "fmt", "compile"])
def test_bad_input_is_told_within_a_second_and_nothing_is_written(
    patdsl: Run, command: str, content: bytes
) -> None:
    Path("a.pat").write_bytes(content)
    patdsl("check", "a.pat")  # so that imports and the grammar are not timed
    start = time.process_time()
    result = patdsl(command, "a.pat", *(["-o", "a.py"] if command == "compile" else []))
    assert time.process_time() - start < 1
    assert result.code == (0 if command == "fmt" and content == b"import a\n" else 1), result
    assert "\x1b" not in result.out + result.err
    assert listing(Path()) == {"a.pat": content}


def test_a_fifo_or_device_is_not_read(patdsl: Run) -> None:
    os.mkfifo("a.pat")
    assert patdsl("check", "a.pat").code == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_and_folder(patdsl: Run) -> None:
    write("p/a.pat").chmod(0)
    assert "Permission denied" in patdsl("check", "p/a.pat").out
    Path("p").chmod(0)
    assert patdsl("check", "p").code == 2
    Path("p").chmod(0o755)


# fmt


def test_fmt_writes_in_place_and_keeps_the_mode(patdsl: Run) -> None:
    path = write("a.pat", UNFORMATTED)
    path.chmod(0o640)
    result = patdsl("fmt", "a.pat")
    assert (result.code, result.out) == (0, "")
    assert "formatted a.pat\n" in result.err
    assert path.read_text() != UNFORMATTED
    assert "# the ops" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert patdsl("fmt", "--check", "a.pat").code == 0
    assert list(listing(Path())) == ["a.pat"]


def test_fmt_leaves_a_formatted_file_untouched(patdsl: Run) -> None:
    path = write("a.pat", UNFORMATTED)
    patdsl("fmt", "a.pat")
    os.utime(path, ns=(1, 1))
    assert patdsl("fmt", "a.pat").code == 0
    assert path.stat().st_mtime_ns == 1


def test_fmt_check_and_diff_write_nothing(patdsl: Run) -> None:
    path = write("a.pat", UNFORMATTED)
    checked = patdsl("fmt", "--check", "a.pat")
    assert (checked.code, checked.out) == (1, "")
    assert "would format a.pat\n" in checked.err
    shown = patdsl("fmt", "--diff", "a.pat")
    assert shown.code == 1
    assert shown.out.startswith("--- a.pat\n+++ a.pat\n@@ ")
    assert "-import   vllm_ir  # the ops\n" in shown.out
    assert json.loads(patdsl("fmt", "--check", "--json", "a.pat").out)["unformatted"] == ["a.pat"]
    assert path.read_text() == UNFORMATTED


@pytest.mark.parametrize("text", [UNFORMATTED, UNFORMATTED.rstrip("\n")], ids=["whole", "no-line-end"])
def test_fmt_diff_can_be_applied(patdsl: Run, text: str) -> None:
    path = write("a.pat", text)
    diff = patdsl("fmt", "--diff", "a.pat").out
    subprocess.run(["git", "apply", "-p0"], input=diff, text=True, check=True)
    assert patdsl("fmt", "--check", "a.pat").code == 0, path.read_text()


def test_fmt_goes_through_a_link(patdsl: Run) -> None:
    path = write("real/a.pat", UNFORMATTED)
    Path("a.pat").symlink_to(path)
    assert patdsl("fmt", "a.pat").code == 0
    assert Path("a.pat").is_symlink()
    assert path.read_text() != UNFORMATTED


def test_fmt_ends_lines_with_a_line_feed(patdsl: Run) -> None:
    path = write("a.pat", UNFORMATTED)
    patdsl("fmt", "a.pat")
    formatted = path.read_bytes()
    path.write_bytes(formatted.replace(b"\n", b"\r\n"))
    assert patdsl("fmt", "a.pat").code == 0
    assert path.read_bytes() == formatted


def test_fmt_formats_the_others_beside_a_broken_file(patdsl: Run) -> None:
    broken = write("p/a.pat", "pattern p {\n")
    other = write("p/b.pat", UNFORMATTED)
    result = patdsl("fmt", "p")
    assert result.code == 1
    assert "p/a.pat:" in result.err
    assert broken.read_text() == "pattern p {\n"
    assert other.read_text() != UNFORMATTED


# compile


def test_compile_prints_the_module_of_one_file(patdsl: Run) -> None:
    write("a.pat")
    result = patdsl("compile", "a.pat")
    assert (result.code, result.err) == (0, "")
    assert result.out == pipeline.compile_module(Path("a.pat"))
    compile(result.out, "a.py", "exec")


@pytest.mark.parametrize("stage", pipeline.STAGES)
def test_compile_prints_any_stage(patdsl: Run, stage: str) -> None:
    write("a.pat")
    result = patdsl("compile", "--stop-after", stage, "a.pat")
    assert result.code == 0
    assert "double_quant" in result.out
    as_json = json.loads(patdsl("compile", "--stop-after", stage, "--json", "a.pat").out)
    assert as_json["stage"] == stage
    assert as_json["texts"]["a.pat"].rstrip("\n") == result.out.rstrip("\n")


def test_compile_to_a_file_is_the_same_text_and_is_then_fresh(patdsl: Run) -> None:
    write("a.pat")
    printed = patdsl("compile", "a.pat").out
    result = patdsl("compile", "a.pat", "-o", "out/b.py")
    assert result.code == 0
    assert "wrote out/b.py\n" in result.err
    assert Path("out/b.py").read_text() == printed
    assert patdsl("compile", "a.pat", "-o", "out/b.py", "--check").code == 0


def test_compile_a_folder_keeps_its_layout_and_leaves_declarations_out(patdsl: Run) -> None:
    write("p/one.pat")
    write("p/deep/two-three.pat")
    write("p/ops/consts.pat", "const a = 1\n")
    result = patdsl("compile", "p", "-o", "out")
    assert result.code == 0
    assert sorted(listing(Path("out"))) == ["deep/two_three.py", "one.py"]
    again = patdsl("compile", "p", "-o", "out")
    assert "wrote" not in again.err
    assert "2 modules, 2 up to date\n" in again.err


def test_check_names_stale_and_missing_modules_and_writes_nothing(patdsl: Run) -> None:
    write("p/a.pat")
    write("p/b.pat")
    assert patdsl("compile", "p/a.pat", "-o", "out/a.py").code == 0
    Path("out/a.py").write_text("# by hand\n")
    before = listing(Path())
    result = patdsl("compile", "p", "-o", "out", "--check")
    assert result.code == 1
    assert "stale out/a.py\n" in result.err
    assert "missing out/b.py\n" in result.err
    assert json.loads(patdsl("compile", "p", "-o", "out", "--check", "--json").out)["stale"] == [
        "out/a.py",
        "out/b.py",
    ]
    assert listing(Path()) == before


def test_one_error_and_nothing_is_written(patdsl: Run) -> None:
    write("p/a.pat")
    write("p/b.pat", BROKEN)
    before = listing(Path())
    result = patdsl("compile", "p", "-o", "out")
    assert (result.code, result.out) == (1, "")
    assert "2 files: 1 error; nothing written\n" in result.err
    assert listing(Path()) == before
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["p"], "2 files need --output"),
        (["p/a.pat", "--check"], "--check needs --output"),
        (["p/a.pat", "--stop-after", "graph", "-o", "x.py"], "goes with neither"),
        (["p/a.pat", "-o", "p/a.pat"], "refusing to write a module over p/a.pat"),
        (["p/a.pat", "-o", "p/new.pat"], "refusing to write a module over p/new.pat"),
        (["p/a.pat", "-o", "link.py"], "refusing to write a module over p/a.pat"),
        (["p", "-o", "file.txt"], "is a file; several modules need a folder"),
        (["q", "-o", "out"], "would both become out/a_b.py"),
        (["p/a.pat", "-o", "p/sub/"], "cannot write p/sub/a.py: it is a folder"),
    ],
)
def test_outputs_that_cannot_be_meant(patdsl: Run, arguments: list[str], message: str) -> None:
    write("p/a.pat")
    write("p/b.pat")
    write("q/a-b.pat")
    write("q/a_b.pat")
    write("file.txt", "text")
    Path("p/sub/a.py").mkdir(parents=True)
    Path("link.py").symlink_to("p/a.pat")
    before = listing(Path())
    result = patdsl("compile", *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert listing(Path()) == before


def test_an_output_that_cannot_be_written_is_told(patdsl: Run) -> None:
    write("a.pat")
    write("file", "text")
    result = patdsl("compile", "a.pat", "-o", "file/a.py")
    assert result.code == 2
    assert result.err.startswith("error: file")
    assert sorted(listing(Path())) == ["a.pat", "file"]


def test_a_file_without_patterns_has_no_module(patdsl: Run) -> None:
    write("a.pat", "const a = 1\n")
    result = patdsl("compile", "a.pat")
    assert (result.code, result.out.strip()) == (0, "")
    assert "a.pat has no patterns" in result.err


# show


def test_show_lists_the_librarys_ops(patdsl: Run) -> None:
    result = patdsl("show")
    assert result.code == 0
    starts = [line for line in result.out.splitlines() if line.startswith("op ")]
    assert any(line.startswith("op group_quant(x: ") for line in starts)
    assert f"{len(starts)} ops; " in result.err


def test_show_is_a_table_on_a_terminal(patdsl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    write("a.pat", "op halve(x: T[H]) -> (y: T[H / 2])\n  = ns::halve(x) on gfx942\n  where H % 2 == 0\n")
    heading, _, *rows = (re.sub("\x1b[^m]*m", "", line) for line in patdsl("show", "a.pat").out.splitlines())
    assert heading.split() == ["op", "signature", "bindings", "limits", "and", "meaning"]
    assert rows[0].split("  ")[0].strip() == "halve"
    assert "where H % 2 == 0" in rows[0]
    assert all(cell_len(line) <= 80 for line in rows)


def test_show_one_op(patdsl: Run) -> None:
    lines = patdsl("show", "group_quant").out.splitlines()
    assert lines[0].startswith("op group_quant(x: ")
    assert lines[2].startswith("  = ")
    assert any(line.startswith("  | ") for line in lines)


def test_show_a_pattern_with_its_source_and_variants(patdsl: Run) -> None:
    write("a.pat")
    shown = patdsl("show", "double_quant", "a.pat").out
    assert shown.startswith(ONE_LINE.split("\n", 3)[3])
    for part in ("find", "put", "replace"):
        assert f"\n  {part}\n" in shown
    as_json = json.loads(patdsl("show", "double_quant", "a.pat", "--json").out)
    assert [pattern["name"] for pattern in as_json["patterns"]] == ["double_quant"]
    assert as_json["ops"] == []


def test_show_an_unknown_name(patdsl: Run) -> None:
    write("a.pat")
    result = patdsl("show", "double_qant", "a.pat")
    assert result.code == 2
    assert "did you mean double_quant?" in result.err


def test_show_reports_errors(patdsl: Run) -> None:
    write("a.pat", BROKEN)
    assert patdsl("show", "a.pat").code == 1
    shown = json.loads(patdsl("show", "a.pat", "--json").out)
    assert len(shown["diagnostics"]) == 1
