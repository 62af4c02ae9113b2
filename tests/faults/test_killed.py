"""SIGKILL at any moment: no torn file, and the next run leaves everything as if nothing had happened."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import faulty
import pytest

OLD, NEW = "old\n" * 200_000, "new line\n" * 200_000

#: Writes two texts in turn, for as long as it lives.
WRITER = """
import sys
from pathlib import Path
from patdsl.commands.write import write_atomic
write = {write}
path = Path(sys.argv[1])
print("ready", flush=True)
while True:
    for text in ("old\\n" * 200_000, "new line\\n" * 200_000):
        write(path, text)
"""
ATOMIC = "write_atomic"
TORN = "lambda path, text: path.write_text(text)"


def writers(path: Path, write: str, count: int) -> list[subprocess.Popen[str]]:
    program = WRITER.format(write=write)
    started = [faulty.start([sys.executable, "-c", program, str(path)]) for _ in range(count)]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    return started


def seen_after_kills(path: Path, write: str, kills: int) -> tuple[set[str], int]:
    """What stands in the file after each of so many kills, of two writers at once; and how many left a temporary."""
    seen, hits = set(), 0
    for moment in faulty.moments(kills, 0.0, 0.03):
        both = writers(path, write, 2)
        time.sleep(moment)
        for each in both:
            each.kill()
            each.communicate()
        seen.add(path.read_text() if path.exists() else OLD)
        hits += any(path.parent.glob(".patdsl-*.tmp"))
    return seen, hits


def test_a_killed_writer_leaves_the_old_text_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    seen, hits = seen_after_kills(path, ATOMIC, 15)
    assert seen <= {OLD, NEW}
    assert hits, "no kill has hit a write: the test says nothing"
    from patdsl.commands.write import write_atomic

    write_atomic(path, NEW)
    assert faulty.contents(tmp_path) == {"module.py": NEW.encode()}


def test_a_plain_write_would_be_torn(tmp_path: Path) -> None:
    """The test above can fail."""
    path = tmp_path / "module.py"
    seen, _ = seen_after_kills(path, TORN, 12)
    assert not seen <= {OLD, NEW}


#: Forks for each step of a write, kills the child there, and writes again.
AT_EACH_STEP = """
import fcntl, os, signal, sys
from pathlib import Path
from patdsl.commands.write import write_atomic

folder = Path(sys.argv[1])
path = folder / "module.py"
steps = [(os, "open"), (fcntl, "flock"), (os, "fdopen"), (os, "fsync"), (os, "fchmod"), (os, "close")]
steps.append((Path, "replace"))
for owner, name in steps:
    for before in (True, False):
        write_atomic(path, "old\\n")
        path.with_name(".patdsl-from-a-kill.tmp").write_text("so that there is something to remove")
        child = os.fork()
        if child == 0:
            real = getattr(owner, name)

            def deadly(*arguments, **more):
                result = None if before else real(*arguments, **more)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(owner, name, deadly)
            write_atomic(path, "new\\n")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), (name, before)
        after = path.read_text()
        assert after == ("new\\n" if (name, before) == ("replace", False) else "old\\n"), (name, before, after)
        write_atomic(path, "newer\\n")
        assert path.read_text() == "newer\\n"
        assert os.listdir(folder) == ["module.py"], (name, before, os.listdir(folder))
print(len(steps))
"""


def test_killed_at_each_step(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_EACH_STEP, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


def test_a_killed_compile_is_repaired_by_the_next(tmp_path: Path) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "out"
    assert faulty.finished(faulty.start([*faulty.COMPILE, str(whole)]))[0] == 0
    expected = faulty.contents(whole)
    for moment in faulty.moments(2, 0.6, 1.2):
        faulty.killed_at([*faulty.COMPILE, str(folder)], moment)
        for name, text in faulty.contents(folder).items() if folder.exists() else ():
            assert name.endswith(".tmp") or text == expected[name]
    code, _, err = faulty.finished(faulty.start([*faulty.COMPILE, str(folder)]))
    assert code == 0, err
    assert faulty.contents(folder) == expected


def test_a_killed_build_is_repaired_by_the_next(tmp_path: Path) -> None:
    environment = faulty.compiler(tmp_path)
    cache = tmp_path / "cache" / "kernels"
    hits = 0
    for moment in faulty.moments(5, 0.2, 0.9):
        faulty.killed_at(faulty.BUILD, moment, env=environment)
        hits += any(cache.glob("build-*/*"))
        for library in cache.glob("*.so"):
            assert library.read_text() == "first last"
            library.unlink()  # so that the next has something to do
    assert hits, "no kill has hit a build: the test says nothing"
    code, out, err = faulty.finished(faulty.start(faulty.BUILD, env=environment))
    assert code == 0, err
    assert Path(out.strip()).read_text() == "first last"
    assert [name for name in faulty.contents(cache) if name.startswith("build-")] == []


@pytest.mark.parametrize("leftover", ["file", "folder"])
def test_what_is_not_ours_stays(tmp_path: Path, leftover: str) -> None:
    """A temporary that a living process has locked, and what only looks like one."""
    from patdsl.commands import write

    handle, locked = write.new_temporary(tmp_path)
    (tmp_path / ".patdsl-notes").write_text("mine")
    odd = tmp_path / ".patdsl-odd.tmp"
    if leftover == "folder":
        odd.mkdir()
    else:
        odd.write_text("of a dead process")
    write.write_atomic(tmp_path / "module.py", NEW)
    assert locked.exists()
    assert (tmp_path / ".patdsl-notes").exists()
    assert odd.exists() == (leftover == "folder")
    write.os.close(handle)
