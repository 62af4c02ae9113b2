"""A `.pat` file as passes, in one call.

In: the path of a `.pat` file. Out: a `Chain`. Compiles the file to the text of its module and runs that text in a
module of its own, so that what runs is what `patdsl compile` writes. Nothing is written to disk.
"""

from __future__ import annotations

import linecache
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from patdsl.runtime.chain import Chain


def load(
    path: str | Path,
    *,
    hosts: Mapping[str, Any] | None = None,
    target: str | None = None,
    roots: Sequence[str | Path] = (),
) -> Chain:
    """The passes of a `.pat` file, ready for `torch._inductor.config.post_grad_custom_post_pass`.

    `hosts` gives host values, `target` the hardware (the current one unless given), `roots` the folders that
    imports may name. Raises PatError with every diagnostic of the file, HostValueError, and PassOrderError.
    """
    from patdsl.pipeline import compile_module
    from patdsl.runtime.passes import Origin

    folders = tuple(Path(root) for root in roots)
    text = compile_module(Path(path), roots=folders)
    chain: Chain = run_module(text, Path(path)).load(hosts=hosts, target=target)
    for each in chain:
        each.origin = Origin(Path(path).absolute(), tuple(root.absolute() for root in folders))
    return chain


def run_module(text: str, path: Path) -> types.ModuleType:
    """The module that a compiled text defines. Tracebacks show its lines under the name `<patdsl PATH>`."""
    name = f"<patdsl {path}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    module = types.ModuleType(path.stem)
    module.__file__ = name
    # The text is our own compiler's: what a `.pat` file says enters it only as literals and checked identifiers.
    exec(compile(text, name, "exec"), module.__dict__)  # noqa: S102
    return module
