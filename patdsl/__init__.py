"""Fusion patterns for PyTorch FX graphs, written once in `.pat` files.

`patdsl.load("x.pat")` gives the passes of a file, ready for torch.compile; the command `patdsl` does the rest.
Importing this package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from patdsl.version import __version__

if TYPE_CHECKING:
    from patdsl.diagnostic import PatError
    from patdsl.runtime import load

__all__ = ["PatError", "__version__", "load"]


def __getattr__(name: str) -> Any:
    # A compiled module needs neither, and pays for what it imports.
    if name == "load":
        from patdsl.runtime import load

        return load
    if name == "PatError":
        from patdsl.diagnostic import PatError

        return PatError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
