"""Torch ops that compute a small program: what the right sides of random patterns call.

In: the program, `a b=op(x0,k0);...;a,b`. Out: `fused(tensors, numbers, results)`, the name of a torch op that takes
that many tensors and numbers and the program as a string, and gives that many results. The program is data in the
`.pat` file, so that a case says itself what its right side means.
"""

from __future__ import annotations

from functools import cache

import torch
from oracle_ops import MEANING, define
from torch import Tensor


@cache
def fused(tensors: int, numbers: int, results: int) -> str:
    """The name of the op in `torch.ops.orc`, which is registered at the first call."""
    name = f"fused_{tensors}_{numbers}_{results}"
    params = [*(f"Tensor x{at}" for at in range(tensors)), *(f"float k{at}" for at in range(numbers))]
    made = "Tensor" if results == 1 else f"({', '.join(['Tensor'] * results)})"

    def run(*args: Tensor | float | str) -> Tensor | tuple[Tensor, ...]:
        program = str(args[-1])
        given: dict[str, object] = {f"x{at}": args[at] for at in range(tensors)}
        given |= {f"k{at}": int(args[tensors + at]) for at in range(numbers)}
        out = _run(program, given)
        return out[0] if len(out) == 1 else out

    def fake(*args: Tensor | float | str) -> Tensor | tuple[Tensor, ...]:
        like = args[0]
        assert isinstance(like, Tensor)
        out = tuple(torch.empty(like.shape, dtype=like.dtype) for _ in range(results))
        return out[0] if results == 1 else out

    define(f"{name}({', '.join([*params, 'str program'])}) -> {made}", run, fake)
    return name


def _run(program: str, given: dict[str, object]) -> tuple[Tensor, ...]:
    *steps, wanted = program.split(";")
    for step in steps:
        names, call = step.split("=")
        op, operands = call.rstrip(")").split("(")
        args = [given[each] if each in given else int(float(each)) for each in operands.split(",")]
        made = MEANING[op](*_one_shape(args))
        given.update(zip(names.split(), made, strict=True))
    found = tuple(given[name] for name in wanted.split(","))
    return tuple(each.clone() for each in found if isinstance(each, Tensor))


def _one_shape(args: list[object]) -> list[object]:
    """Operands that came through different views, in the shape of the first."""
    first = next(each for each in args if isinstance(each, Tensor))
    return [each.reshape(first.shape) if isinstance(each, Tensor) else each for each in args]
