"""Several processes that write one folder, or build into one cache: each ends well, and no reader sees a part."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import faulty
import pytest

from patdsl.commands import write


def watched(processes: list[subprocess.Popen[str]], folder: Path) -> dict[str, set[bytes]]:
    """What each module was seen to hold while the processes ran."""
    seen: dict[str, set[bytes]] = {}
    while any(each.poll() is None for each in processes):
        for path in folder.glob("*.py"):
            seen.setdefault(path.name, set()).add(path.read_bytes())
    return seen


def test_compiling_into_one_folder(tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "out"
    assert faulty.finished(faulty.start([*faulty.COMPILE, str(whole)]))[0] == 0
    expected = faulty.contents(whole)
    folder.mkdir()
    for name in list(expected)[:3]:
        (folder / name).write_bytes(b"stale")
    processes = [faulty.start([*faulty.COMPILE, str(folder)]) for _ in range(2)]
    seen = watched(processes, folder)
    for code, _, err in map(faulty.finished, processes):
        assert code == 0, err
    assert faulty.contents(folder) == expected
    for name, texts in seen.items():
        assert texts <= {expected[name], b"stale"}


def test_one_cache_for_builds_of_which_one_is_killed(tmp_path: Path) -> None:
    """The others wait, say so, and one of them takes over."""
    environment = faulty.compiler(tmp_path)
    cache = tmp_path / "cache" / "kernels"
    hang = tmp_path / "hang"
    hang.touch()
    first = faulty.start(faulty.BUILD, env={**environment, "HANG": str(hang)})
    while not list(cache.glob("build-*")):
        assert first.poll() is None
    others = [faulty.start(faulty.BUILD, env=environment) for _ in range(2)]
    for each in others:
        assert each.stderr is not None
        assert each.stderr.readline() == "gfx942: waiting for another process that builds it\n"
    first.kill()
    hang.unlink()  # ends its compilers, which are nobody's now
    first.communicate()
    ends = [faulty.finished(each) for each in others]
    assert [code for code, _, _ in ends] == [0, 0]
    (library,) = {out.strip() for _, out, _ in ends}
    assert Path(library).read_text() == "first last"
    assert sorted("compiled 1 of" in err for _, _, err in ends) == [False, True]
    assert not list(cache.glob("build-*/*"))


def test_taken_for_a_leftover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of a temporary and its lock another process removes it: the writer makes another."""
    locked, removed = write._locked, []

    def raced(handle: int) -> bool | None:
        if not removed:
            removed.extend(tmp_path.glob(".patdsl-*.tmp"))
            removed[0].unlink()
        return locked(handle)

    monkeypatch.setattr(write, "_locked", raced)
    write.write_atomic(tmp_path / "a.py", "text")
    assert len(removed) == 1
    assert faulty.contents(tmp_path) == {"a.py": b"text"}


def test_a_stopped_writer_holds_nobody_up(tmp_path: Path) -> None:
    """Its temporary is locked and stays; others write past it."""
    handle, temporary = write.new_temporary(tmp_path)
    fcntl.flock(handle, fcntl.LOCK_EX)
    write.write_atomic(tmp_path / "a.py", "text")
    assert faulty.contents(tmp_path) == {"a.py": b"text", temporary.name: b""}
    os.close(handle)
    write.write_atomic(tmp_path / "a.py", "text")
    assert faulty.contents(tmp_path) == {"a.py": b"text"}
