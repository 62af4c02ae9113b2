"""Text -> a file, whole or not at all.

A reader of the path sees the old text or the new one, never a part. Raises `OSError` with the path in it.
"""

from __future__ import annotations

import os
from pathlib import Path


def differs(path: Path, text: str) -> bool:
    """Whether the file holds anything but `text` as UTF-8, or is missing."""
    try:
        return path.read_bytes() != text.encode()
    except FileNotFoundError:
        return True


def write_atomic(path: Path, text: str) -> None:
    """Write `text` as UTF-8. Keeps the mode of a file that is there, writes through a link, leaves no temporary."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o7777)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
