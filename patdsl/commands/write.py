"""Text -> a file, whole or not at all.

In: a path and its text. Out: the file. A reader of the path sees the old text or the new one, never a part, also where
the writer is killed or the disk is full. What a killed writer left lies beside the file as `.patdsl-*.tmp`; the next
write to that folder removes it. Raises `OSError` with the path in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path

_PREFIX, _SUFFIX = ".patdsl-", ".tmp"


def differs(path: Path, text: str) -> bool:
    """Whether the file holds anything but `text` as UTF-8, or is missing."""
    try:
        return path.read_bytes() != text.encode()
    except FileNotFoundError:
        return True


def write_atomic(path: Path, text: str) -> None:
    """Write `text` as UTF-8. Keeps the mode of a file that is there, writes through a link, leaves no temporary."""
    target = Path(os.path.realpath(path))
    try:
        _remove_leftovers(target.parent)
        _write(target, text)
    except OSError as error:
        # A failed write names no file, and a failed rename one that the user has never heard of.
        raise OSError(error.errno, error.strerror, str(path)) from None


def _write(target: Path, text: str) -> None:
    handle, temporary = new_temporary(target.parent)
    try:
        # Replaced before it is closed: closing gives up the lock, which says that somebody is at work.
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
            if target.exists():
                os.fchmod(handle, target.stat().st_mode & 0o7777)
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def new_temporary(folder: Path) -> tuple[int, Path]:
    """A new empty file and its handle, which holds a lock on it."""
    while True:
        path = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        if _locked(handle) is not False and os.fstat(handle).st_nlink:
            return handle, path
        # Another process has taken it for a leftover in the moment before the lock, and removes it.
        os.close(handle)


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporaries of processes that are gone: those that nobody has locked."""
    for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if _locked(handle):
                    path.unlink()
            finally:
                os.close(handle)


def _locked(handle: int) -> bool | None:
    """Whether the file could be locked; None where the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
