"""What compiled modules import, and what an integration uses.

Names are loaded when first asked for: Inductor, which the passes are made of, takes a second or two to import and is
not needed to parse, check or compile.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from patdsl.runtime.chain import Chain, PassOrderError
    from patdsl.runtime.hosts import HostValueError
    from patdsl.runtime.loading import load
    from patdsl.runtime.matcher import Matcher, register_replacement, rewrite, trace
    from patdsl.runtime.passes import FusionPass
    from patdsl.runtime.report import Report
    from patdsl.runtime.sides import Left, Right, examples
    from patdsl.runtime.target import current_target, use_target

__all__ = [
    "Chain",
    "FusionPass",
    "HostValueError",
    "Left",
    "Matcher",
    "PassOrderError",
    "Report",
    "Right",
    "current_target",
    "examples",
    "load",
    "register_replacement",
    "rewrite",
    "trace",
    "use_target",
]

_HOMES = {
    "chain": ("Chain", "PassOrderError"),
    "hosts": ("HostValueError",),
    "loading": ("load",),
    "matcher": ("Matcher", "register_replacement", "rewrite", "trace"),
    "passes": ("FusionPass",),
    "report": ("Report",),
    "sides": ("Left", "Right", "examples"),
    "target": ("current_target", "use_target"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
