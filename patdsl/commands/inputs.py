"""Paths on the command line -> the `.pat` files they mean, and the options that several commands share.

Reads folders, not files. A path that is no folder is passed on as it is: the pipeline says what is wrong with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


@attrs.frozen
class Input:
    """One `.pat` file. `inner` is its path below the folder that was given, or its name where it was given itself."""

    path: Path
    inner: Path


paths_argument = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def roots_option(command: _Command) -> _Command:
    """`--root FOLDER`, any number of times."""
    return click.option(
        "--root",
        "roots",
        multiple=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="A folder that imports may read from; may be repeated. "
        "Without it: the folder of each file and the library that comes with patdsl.",
    )(command)


def find_inputs(paths: Iterable[Path]) -> list[Input]:
    """Every file meant, each once. Folders give their `*.pat` files at any depth, sorted, hidden folders left out.

    Raises `click.UsageError` for a folder without any, or one that cannot be read.
    """
    found: dict[str, Input] = {}
    for path in paths:
        inputs = list(_walk(path)) if path.is_dir() else [Input(path, Path(path.name))]
        if not inputs:
            raise click.UsageError(f"no .pat file in {path}{os.sep}")
        for item in inputs:
            found.setdefault(os.path.realpath(item.path), item)
    return list(found.values())


def _walk(folder: Path) -> Iterable[Input]:
    def refuse(error: OSError) -> None:
        raise click.UsageError(f"cannot read {error.filename}: {error.strerror}")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(".pat") and not name.startswith("."):
                path = Path(parent, name)
                yield Input(path, path.relative_to(folder))
