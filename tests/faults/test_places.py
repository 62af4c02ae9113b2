"""Folders and caches that fail: full, read-only, in the way. One clear line, nothing torn; the next run mends it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faulty
import places
import pytest

from patdsl import cli
from patdsl.commands import write
from patdsl.kernels import build
from patdsl.kernels.errors import KernelError

PATTERN = """\
import vllm_ir
import aiter (rms_norm_group_quant as fused)

pattern two {
  rms_norm -> 2x group_quant => 2x fused
}
"""


def one_line(text: str) -> str:
    """The only line of an error message, which is no traceback."""
    (line,) = text.splitlines()
    assert "Traceback" not in line
    assert "a bug in patdsl" not in line
    return line


# Compiled modules


def test_compile_to_a_full_disk(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    done = places.on_a_full_disk(full, "64k", [*faulty.COMPILE, str(full)])
    assert done.returncode == 2
    assert re.fullmatch(rf"error: {full}/\w+\.py: No space left on device", one_line(done.stderr))
    names = places.left(done)
    assert names
    assert not [name for name in names if name.endswith(".tmp")]


@pytest.mark.parametrize("command", ["compile", "fmt"])
def test_a_read_only_folder(tmp_path: Path, command: str) -> None:
    file = tmp_path / "a.pat"
    file.write_text(PATTERN + "\n\n\n")
    more = ["-o", str(tmp_path / "a.py")] if command == "compile" else []
    done = places.on_a_read_only_disk(tmp_path, [*faulty.COMPILE[:3], command, str(file), *more])
    assert done.returncode == 2
    target = more[1] if more else file
    assert one_line(done.stderr) == f"error: {target}: Read-only file system"
    assert "a.pat" in places.left(done)
    assert "a.py" not in places.left(done)


def failing(code: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


class FullFile:
    """A file that takes nothing: `flush` is where a buffered text meets the disk."""

    def __init__(self, handle: int, *_: object, **__: object) -> None:
        self.handle = handle

    def __enter__(self) -> FullFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)

    def write(self, text: str) -> None:
        os.write(self.handle, text[:10].encode())

    def flush(self) -> None:
        failing(errno.ENOSPC)()


STEPS = [
    (os, "open", failing(errno.EROFS)),
    (os, "open", failing(errno.ENOSPC)),
    (os, "fdopen", FullFile),
    (os, "fsync", failing(errno.EIO)),
    (os, "fsync", failing(errno.EDQUOT)),
    (os, "fchmod", failing(errno.EPERM)),
    (Path, "replace", failing(errno.ENOSPC)),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
def test_each_step_of_a_write_may_fail(
    tmp_path: Path, step: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "a.pat", tmp_path / "a.py"
    source.write_text(PATTERN)
    target.write_text("old")
    arguments = ["compile", str(source), "-o", str(target)]
    with monkeypatch.context() as patch:
        patch.setattr(*step)
        assert cli.main(arguments) == 2
    assert one_line(capfd.readouterr().err).startswith(f"error: {target}: ")
    assert faulty.contents(tmp_path) == {"a.pat": PATTERN.encode(), "a.py": b"old"}
    assert cli.main(arguments) == 0
    assert target.read_text().startswith('"""Fusion passes of a.pat')
    assert sorted(faulty.contents(tmp_path)) == ["a.pat", "a.py"]


def test_without_locks_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems have none. Then leftovers stay, as nothing tells them from work."""
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    (tmp_path / ".patdsl-0.tmp").write_text("left")
    write.write_atomic(tmp_path / "a.py", "text")
    assert faulty.contents(tmp_path) == {"a.py": b"text", ".patdsl-0.tmp": b"left"}


@pytest.mark.parametrize("output", ["file/a.py", "folder", "loop/a.py"])
def test_an_output_that_cannot_be(
    tmp_path: Path, output: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.pat").write_text(PATTERN)
    Path("file").write_text("")
    Path("folder/a.py").mkdir(parents=True)
    Path("loop").symlink_to("loop")
    assert cli.main(["compile", "a.pat", "-o", output]) == 2
    said = capfd.readouterr().err
    assert re.search(r"[Ee]rror: .*(Not a directory|File exists|it is a folder|symbolic links)", said), said
    assert "Traceback" not in said


# The kernel cache


def built(capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit and message of a build."""
    code = cli.main(["kernels", "build", "--arch", "gfx942", "--jobs", "2"])
    return code, capfd.readouterr().err


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that does not exist yet, and a compiler."""
    for name, value in faulty.compiler(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "cache"


def assert_mended(capfd: pytest.CaptureFixture[str], cache: Path) -> None:
    code, err = built(capfd)
    assert code == 0, err
    (library,) = (cache / "kernels").glob("*.so")
    assert library.read_text() == "first last"
    assert list((cache / "kernels").glob("build-*")) == []


@pytest.mark.parametrize(
    "step",
    [
        (Path, "mkdir", failing(errno.EROFS)),
        (fcntl, "flock", failing(errno.ENOLCK)),
        (tempfile, "mkdtemp", failing(errno.ENOSPC)),
        (os, "fsync", failing(errno.EIO)),
        (Path, "replace", failing(errno.EDQUOT)),
    ],
    ids=lambda step: step[1],
)
def test_each_step_of_a_build_may_fail(
    cache: Path, step: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*step)
        code, err = built(capfd)
    assert code == 2
    last = err.splitlines()[-1]
    assert last.startswith(f"error: cannot write the kernel cache {cache}/kernels: ")
    assert last.endswith("; set PATDSL_CACHE to a folder that can be written")
    assert not any(cache.rglob("*.so"))
    assert_mended(capfd, cache)


def test_a_build_on_a_full_disk(cache: Path) -> None:
    cache.mkdir()
    done = places.on_a_full_disk(cache, "24k", faulty.BUILD)
    assert done.returncode == 2
    assert "\nerror: the compiler failed (" in done.stderr
    assert done.stderr.endswith("I/O error\n"), "the compiler's own word for it, on a line of its own"
    assert "Traceback" not in done.stderr
    assert not [name for name in places.left(done) if name.endswith(".so")]


def test_a_build_in_a_read_only_cache(cache: Path) -> None:
    cache.mkdir()
    done = places.on_a_read_only_disk(cache, faulty.BUILD)
    assert done.returncode == 2
    expected = (
        f"error: cannot write the kernel cache {cache}/kernels: Read-only file system; set PATDSL_CACHE"
    )
    assert one_line(done.stderr).startswith(expected)


def test_a_library_in_a_read_only_cache_is_used(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert_mended(capfd, cache)
    done = places.on_a_read_only_disk(cache, faulty.BUILD)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("at", ["cache", "cache/kernels"])
def test_a_cache_that_is_a_file(cache: Path, at: str, capfd: pytest.CaptureFixture[str]) -> None:
    in_the_way = cache.parent / at
    in_the_way.parent.mkdir(exist_ok=True)
    in_the_way.write_text("mine")
    code, err = built(capfd)
    assert code == 2
    assert re.search(
        r"cannot write the kernel cache \S+: (File exists|Not a directory); set PATDSL", one_line(err)
    )
    assert in_the_way.read_text() == "mine"
    in_the_way.unlink()
    assert_mended(capfd, cache)


def test_dangling_locks_and_leftovers(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A lock file says nothing by itself; what a killed build of this library left goes, that of another stays."""
    assert_mended(capfd, cache)
    (library,) = (cache / "kernels").glob("*.so")
    library.unlink()
    assert library.with_suffix(".lock").exists()
    for stem in (library.stem, "patdsl-gfx950-0000000000000000"):
        work = cache / "kernels" / f"build-{stem}-x"
        work.mkdir()
        (work / "half.o").write_text("fir")
    code, err = built(capfd)
    assert code == 0, err
    (other,) = (cache / "kernels").glob("build-*")
    assert "gfx950" in other.name
    shutil.rmtree(other)


def test_a_lock_that_is_a_folder(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert_mended(capfd, cache)
    (library,) = (cache / "kernels").glob("*.so")
    library.unlink()
    lock = library.with_suffix(".lock")
    lock.unlink()
    lock.mkdir()
    code, err = built(capfd)
    assert (code, "Is a directory; set PATDSL_CACHE" in one_line(err)) == (2, True)
    lock.rmdir()
    assert_mended(capfd, cache)


def test_no_home(cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("PATDSL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    code, err = built(capfd)
    assert code == 2
    assert one_line(err) == "error: this user has no home folder for a cache; set PATDSL_CACHE to a folder"
    assert cli.main(["kernels", "info"]) == 2
    assert one_line(capfd.readouterr().err).startswith("error: this user has no home folder")


def test_a_compiler_that_goes_away(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KernelError, match=r"^cannot run the compiler \S+: No such file"):
        build._run([str(cache / "no-compiler"), "-c"])


def test_a_compiler_that_is_killed_or_speaks_another_encoding(cache: Path) -> None:
    with pytest.raises(KernelError, match="it ended with -9 and said nothing"):
        build._run(["sh", "-c", "kill -9 $$"])
    with pytest.raises(KernelError, match="caf\N{REPLACEMENT CHARACTER}"):
        build._run(["sh", "-c", r"printf 'caf\351' >&2; exit 1"])
