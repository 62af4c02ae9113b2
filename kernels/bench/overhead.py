"""What a call from Python costs the host, without graphs.

In: a device. Out: microseconds a call, the best of several loops, of ways to reach the same kernel: its launch on
tensors made beforehand, Triton's launcher on the same, both with their results allocated, through `torch.ops`; and an
op of the same schema that does nothing, through `torch.ops` and not. The kernels are shorter than any of these.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from memory import Apart
from rows_work import RowsWork
from torch import Tensor
from unfused import EPSILON, GROUP

ROWS, HIDDEN = 16, 4096
CALLS, LOOPS = 1000, 9
OP = "rms_norm_group_quant"


def times(device: str = "cuda", calls: int = CALLS) -> dict[str, float]:
    """By name. `dispatch`: what `torch.ops` adds to a function that does nothing."""
    from patdsl.kernels import bind

    bind.register()
    work = RowsWork(OP, "norm", "group", HIDDEN, ROWS)
    b = work.make(Apart(device))
    assert b.weight is not None
    arguments = (b.x, b.weight, EPSILON, GROUP)
    config = next(config for config in work.configs() if config.warps == 8)
    ours, op = bind.kernels()[OP], getattr(torch.ops.patdsl, OP)
    nothing, empty_op = _nothing(b.q, b.scale)

    def triton_allocating() -> None:
        from attrs import evolve

        q = torch.empty_like(b.x, dtype=torch.float8_e4m3fn)
        scale = torch.empty(ROWS, HIDDEN // GROUP, device=b.x.device)
        work.triton(evolve(b, q=q, scale=scale), config)

    ways: dict[str, Callable[[], object]] = {
        "launch": lambda: work.ours(b),
        "triton": _triton(work, b, config),
        "function": lambda: ours(*arguments),
        "triton_allocating": triton_allocating,
        "torch_ops": lambda: op(*arguments),
        "nothing": lambda: nothing(*arguments),
        "nothing_torch_ops": lambda: empty_op(*arguments),
    }
    found = {name: 1e6 * _best(way, calls) for name, way in ways.items()}
    found["dispatch"] = found["nothing_torch_ops"] - found["nothing"]
    return found


def _triton(work: RowsWork, b: Any, config: Any) -> Callable[[], object]:
    """Triton's launcher as it is used where it matters: the grid and the constants are made beforehand."""
    from triton_launch import row_call

    kernel, grid, arguments, constants = row_call(work, b, config, approximate=False)
    return lambda: kernel[grid](*arguments, **constants)


def _nothing(q: Tensor | None, scale: Tensor | None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A function that does nothing and an op of it, registered as the ops are."""
    from patdsl.register_ops import OPS

    def nothing(*arguments: Any) -> Any:
        return q, scale

    new_library: Any = torch.library.Library
    library = new_library("patdsl_bench", "FRAGMENT")
    name = "nothing"
    library.define(OPS[OP].schema.replace(OP, name, 1), tags=(torch.Tag.pt2_compliant_tag,))
    library.impl(name, nothing, "CUDA")
    library.impl(name, nothing, "CPU")
    library.impl(name, torch.library.fallthrough_kernel, "Autograd")
    _KEPT.append(library)
    return nothing, getattr(torch.ops.patdsl_bench, name)


def _best(way: Callable[[], object], calls: int) -> float:
    """Seconds a call, the device idle before and waited for after each loop, outside of the time."""
    for _ in range(20):
        way()
    found = []
    for _ in range(LOOPS):
        _synchronize()
        begin = time.perf_counter()
        for _ in range(calls):
            way()
        found.append((time.perf_counter() - begin) / calls)
    _synchronize()
    return min(found)


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


_KEPT: list[Any] = []  # registrations live as long as their library
