"""What is raised where a kernel cannot be built, loaded or run.

In: what happened and how to mend it. Out: an exception whose text is complete in itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line names these errors too, and starts without torch
    from torch import Tensor


class KernelError(Exception):
    """The text names what was asked, what stands against it and what to do."""


def raise_failure(op: str, result: int, x: Tensor, sizes: str) -> None:
    """Raises what a C function's result means. `sizes` names those of the call."""
    raise KernelError(
        f"{op}: no kernel takes {sizes}"
        if result < 0
        else f"{op}: the GPU runtime gave error {result} at the launch on {x.device}"
    )
