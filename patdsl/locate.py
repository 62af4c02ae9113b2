"""Where the files that belong to patdsl lie.

In: nothing. Out: paths of the grammar, of the library of patterns and of the kernels' sources. In an
installed package they are package data (`patdsl/_data/`), in a checkout they stand beside the package. Reads
no file.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def grammar_file() -> Path:
    """The concrete syntax, `pat.lark`."""
    return _folder("grammar") / "pat.lark"


def library_folder() -> Path:
    """The folder of the `.pat` files that come with patdsl."""
    return _folder("patterns")


def kernels_folder() -> Path:
    """The folder of the kernels' sources."""
    return _folder("kernels")


def _folder(name: str) -> Path:
    """The package's own folder of this name, else the checkout's. Raises FileNotFoundError."""
    installed = _PACKAGE / "_data" / name
    checkout = _PACKAGE.parent / name
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"patdsl is not installed completely: found neither {installed} nor {checkout}")
