"""From the kernels' sources to a shared library in the cache.

In: an architecture. Out: the path of a library, compiled only where the cache has none for these sources, this
architecture and this compiler. A library appears in the cache whole or not at all, and two processes that want the
same one compile it once. What a killed build left goes with the next one. Loads nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from patdsl.kernels.errors import KernelError
from patdsl.kernels.toolchain import Toolchain, find_toolchain
from patdsl.locate import kernels_folder

Progress = Callable[[str], None]
ENVIRONMENT = "PATDSL_CACHE"
MOST_OUTPUT = 3000  # characters of a compiler's output in an error


def cache_folder() -> Path:
    """`PATDSL_CACHE`, else `patdsl` in the user's cache folder; the libraries are in `kernels` below it."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named) / "kernels"
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".cache") / "patdsl" / "kernels"
    except RuntimeError:
        raise KernelError(
            f"this user has no home folder for a cache; set {ENVIRONMENT} to a folder"
        ) from None


def library_path(toolchain: Toolchain) -> Path:
    """Where the library of these sources, this architecture and this compiler is or will be."""
    digest = hashlib.sha256()
    folder = kernels_folder()
    for path in _inputs(folder):
        digest.update(f"{path.relative_to(folder)}\n".encode())
        digest.update(path.read_bytes())
    plain = Path("source"), Path("output"), [Path("include")]
    for text in (toolchain.arch, toolchain.version, *toolchain.compile_command(*plain)):
        digest.update(f"{text}\n".encode())
    return cache_folder() / f"patdsl-{toolchain.arch}-{digest.hexdigest()[:16]}.so"


def build(arch: str, progress: Progress | None = None, jobs: int | None = None) -> Path:
    """The library for `arch`, compiled now if the cache has none.

    `progress` is told each step in a line; `jobs` compilers run side by side (as many as there are CPUs). Raises
    KernelError without a compiler, with the compiler's words where it fails, and where the cache cannot be written.
    """
    toolchain = find_toolchain(arch)
    path = library_path(toolchain)
    progress = progress or _silent
    try:
        if path.is_file():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(_lock_of(path), lambda: progress(f"{arch}: waiting for another process that builds it")):
            if not path.is_file():  # the process that held the lock may have made it
                _remove_leftovers(path)
                _make(toolchain, path, progress, jobs or os.cpu_count() or 1)
    except OSError as error:
        raise KernelError(
            f"cannot write the kernel cache {path.parent}: {error.strerror or error}; "
            f"set {ENVIRONMENT} to a folder that can be written"
        ) from None
    return path


def _inputs(folder: Path) -> list[Path]:
    headers = folder.joinpath("include").rglob("*.h")
    return sorted([*headers, *folder.joinpath("src").iterdir()])


def _silent(_: str) -> None:
    return None


def _lock_of(library: Path) -> Path:
    return library.with_suffix(".lock")


@contextmanager
def _locked(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    """Holds the lock; `waits` is called first where that takes a while. The file stays and says nothing by itself."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back, also where the process dies


def _remove_leftovers(library: Path) -> None:
    """Remove the folders of builds of `library` that were killed. Its lock is held, so that none of them lives."""
    for folder in library.parent.glob(f"{_work_prefix(library)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _work_prefix(library: Path) -> str:
    return f"build-{library.stem}-"


def _make(toolchain: Toolchain, path: Path, progress: Progress, jobs: int) -> None:
    folder = kernels_folder()
    sources = sorted(folder.joinpath("src").glob("*.hip"))
    work = Path(tempfile.mkdtemp(prefix=_work_prefix(path), dir=path.parent))
    try:
        objects = [work / f"{source.stem}.o" for source in sources]
        with ThreadPoolExecutor(jobs) as pool:
            includes = [folder / "include", folder / "src"]
            commands = [
                toolchain.compile_command(source, made, includes)
                for source, made in zip(sources, objects, strict=True)
            ]
            tasks = [pool.submit(_run, command) for command in commands]
            for count, task in enumerate(as_completed(tasks), 1):
                task.result()
                progress(f"{toolchain.arch}: compiled {count} of {len(tasks)} files")
        _run(toolchain.link_command(objects, work / path.name))
        _to_disk(work / path.name)
        for made in objects:  # whoever is killed from here on leaves an empty folder
            made.unlink()
        (work / path.name).replace(path)
        progress(f"{toolchain.arch}: {path}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """Before the file gets its name: nothing but the name says that it is whole, also after the power went."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603  our own command
            command, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
    except OSError as error:
        raise KernelError(f"cannot run the compiler {command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        output = (done.stderr or done.stdout).strip() or f"it ended with {done.returncode} and said nothing"
        raise KernelError(f"the compiler failed ({' '.join(command)}):\n{output[:MOST_OUTPUT]}")
