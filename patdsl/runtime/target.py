"""The hardware that this process compiles for, as one short name.

In: torch's view of the device, `PATDSL_TARGET`, or `use_target`. Out: `cpu`, `gfx942`, `sm_90`, ... and
whether such a name meets what a declaration asks for (`on gfx942`, `on sm_90+`). Imports torch only when it
has to look at the device; imports no platform module.
"""

from __future__ import annotations

import difflib
import functools
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

ENVIRONMENT = "PATDSL_TARGET"
# Offered as corrections only: any well-formed name is accepted, so that new hardware needs no new release.
COMMON = (
    *("cpu", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_103", "sm_120"),
    *("gfx90a", "gfx942", "gfx950", "gfx1100", "gfx1200", "gfx1201", "gfx1250"),
)
_SM = re.compile(r"sm_([1-9][0-9]{1,2})", re.ASCII)
# Major version in decimal, then minor and stepping, one hexadecimal digit each: gfx90a, gfx942, gfx1201.
_GFX = re.compile(r"gfx([1-9][0-9]?)[0-9a-f]{2}", re.ASCII)

_override: ContextVar[str | None] = ContextVar("patdsl_target", default=None)


def check_target(name: str) -> str:
    """`name` itself, if it is well formed: `cpu`, `sm_<number>` or `gfx<version>`, in lower case.

    Raises ValueError saying what is accepted, with the nearest common name.
    """
    if name == "cpu" or _SM.fullmatch(name) or _GFX.fullmatch(name):
        return name
    near = difflib.get_close_matches(name.strip().lower(), COMMON, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"unknown target {name!r}: expected 'cpu', 'sm_' and a compute capability such as 'sm_90', "
        f"or an AMD architecture such as 'gfx942'{hint}"
    )


def matches(target: str, wanted: str, or_newer: bool = False) -> bool:
    """Whether `target` is `wanted` or, with `or_newer` (written `sm_90+`), that or a later one.

    Compute capabilities order as numbers: `sm_100` is newer than `sm_90`. AMD's names do not order (a later
    number may be another family), nor does `cpu`, so `or_newer` on them raises ValueError, as does a name
    that is not well formed.
    """
    check_target(target)
    check_target(wanted)
    if not or_newer:
        return target == wanted
    oldest = _SM.fullmatch(wanted)
    if oldest is None:
        raise ValueError(
            f"'{wanted}+' has no meaning: only 'sm_' targets are ordered; list the targets instead"
        )
    found = _SM.fullmatch(target)
    return found is not None and int(found[1]) >= int(oldest[1])


def current_target() -> str:
    """The innermost `use_target`, else `PATDSL_TARGET`, else what torch finds (looked up once).

    Raises ValueError when the environment variable holds no target name.
    """
    chosen = _override.get()
    if chosen is not None:
        return chosen
    named = os.environ.get(ENVIRONMENT)
    if not named:
        return _detect()
    try:
        return check_target(named)
    except ValueError as error:
        raise ValueError(f"environment variable {ENVIRONMENT}: {error}") from None


@contextmanager
def use_target(name: str) -> Iterator[None]:
    """Within the block, `current_target()` is `name`, for this thread or task. Raises ValueError on a bad name.

    torch's compile caches do not see this name. The uuid of a pass holds it; a model that was compiled without
    one of our passes must not be reused under another target.
    """
    token = _override.set(check_target(name))
    try:
        yield
    finally:
        _override.reset(token)


@functools.cache
def _detect() -> str:
    """What torch sees: the first visible GPU, or `cpu`."""
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    if torch.version.hip is not None:
        # 'gfx942:sramecc+:xnack-': the name, then features that do not choose a kernel here.
        return check_target(str(torch.cuda.get_device_properties(0).gcnArchName).split(":")[0])
    major, minor = torch.cuda.get_device_capability(0)
    return check_target(f"sm_{major}{minor}")
