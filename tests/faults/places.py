"""Folders that fail as real ones do: full, and read-only. Mounted in a namespace that ends with the command."""

from __future__ import annotations

import functools
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[str]


def on_a_full_disk(folder: Path, size: str, command: Sequence[str]) -> Done:
    """The command, with a file system of `size` at `folder`; its exit, and then what it left there, told in stdout."""
    return _within(f"mount -t tmpfs -o size={size} tmpfs {_quoted(folder)}", folder, command)


def on_a_read_only_disk(folder: Path, command: Sequence[str]) -> Done:
    """The command, with `folder` as it is but read-only."""
    at = _quoted(folder)
    return _within(f"mount --bind {at} {at} && mount -o remount,ro,bind {at}", folder, command)


def _within(mount: str, folder: Path, command: Sequence[str]) -> Done:
    _need_mounts()
    script = (
        f"{mount} || exit 99; {shlex.join(command)}; code=$?; echo LEFT; ls -AR {_quoted(folder)}; exit $code"
    )
    done = _unshared(script)
    assert done.returncode != 99, done.stderr
    return done


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _unshared(script: str) -> Done:
    return subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=False)


@functools.cache
def _can_mount() -> bool:
    try:
        return _unshared("mount -t tmpfs tmpfs /mnt").returncode == 0
    except OSError:
        return False


def _need_mounts() -> None:
    if not _can_mount():
        pytest.skip("this user may not mount")


def left(done: Done) -> list[str]:
    """The names that stand in the folder after the command."""
    return done.stdout.partition("LEFT\n")[2].split()
