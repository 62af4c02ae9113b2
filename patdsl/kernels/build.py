"""From the kernels' sources to a shared library in the cache.

In: an architecture. Out: the path of a library, compiled only where the cache has none for these sources, this
architecture and this compiler. A library appears in the cache whole or not at all, and two processes that want the
same one compile it once. Loads nothing.
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
    return (Path(home) if home else Path.home() / ".cache") / "patdsl" / "kernels"


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
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_suffix(".lock")):
            if not path.is_file():  # the process that held the lock may have made it
                _make(toolchain, path, progress or _silent, jobs or os.cpu_count() or 1)
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


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back, also where the process dies


def _make(toolchain: Toolchain, path: Path, progress: Progress, jobs: int) -> None:
    folder = kernels_folder()
    sources = sorted(folder.joinpath("src").glob("*.hip"))
    work = Path(tempfile.mkdtemp(prefix="build-", dir=path.parent))
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
        (work / path.name).replace(path)
        progress(f"{toolchain.arch}: {path}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own command
    if done.returncode != 0:
        output = (done.stderr or done.stdout).strip()
        raise KernelError(f"the compiler failed ({' '.join(command)}):\n{output[:MOST_OUTPUT]}")
