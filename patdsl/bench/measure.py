"""Sides of a pattern -> their times.

In: `Sides` at a size, a timer for the device. Out: a `Line`: microseconds of the left side as its ops run in order, of
the left side compiled by Inductor, and of the right side; or why one of them has no time. On a GPU all are nodes of
CUDA graphs that read other memory at each call, replayed in turn.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs
import torch
from torch import Tensor

from patdsl.bench.graph_time import Node
from patdsl.bench.sides import Side, Sides
from patdsl.bench.sizes import Size
from patdsl.selftest.tester import first_line

#: Memory for the inputs of all nodes, and how many nodes there are.
MEMORY = 4 * 2**30
MOST_NODES, LEAST_NODES = 100, 4
#: Faster or slower by less than this is the same.
EVEN = 0.03
CPU_LOOPS, CPU_SECONDS = 7, 0.05
LEFT, INDUCTOR, RIGHT, ALL = "left", "inductor", "right", "all"


class Timer(Protocol):
    """What times candidates on a device."""

    def quick(self, candidates: Mapping[str, Node], cold: bool) -> dict[str, float]:
        """A first look. What cannot be timed is left out, and told of."""

    def together(self, candidates: Mapping[str, Node], cold: bool) -> dict[str, float]:
        """Microseconds a node."""


class CpuTimer:
    """The median of several loops over the nodes, in turn."""

    def __init__(self, tell: Callable[[Any, Exception], object]) -> None:
        self._tell = tell

    def quick(self, candidates: Mapping[str, Node], cold: bool) -> dict[str, float]:
        found = {}
        for name, node in candidates.items():
            try:
                found[name] = _seconds(node, 1) * 1e6
            except Exception as error:  # an op's own check, of whatever kind
                self._tell(name, error)
        return found

    def together(self, candidates: Mapping[str, Node], cold: bool) -> dict[str, float]:
        calls = {
            name: max(1, math.ceil(CPU_SECONDS / max(_seconds(node, 2), 1e-7)))
            for name, node in candidates.items()
        }
        taken: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(CPU_LOOPS):
            for name, node in candidates.items():
                taken[name].append(_seconds(node, calls[name]))
        return {name: statistics.median(each) * 1e6 for name, each in taken.items()}


def _seconds(node: Node, calls: int) -> float:
    begin = time.perf_counter()
    for index in range(calls):
        node.launch(index % node.nodes)
    return (time.perf_counter() - begin) / calls


@attrs.frozen
class Line:
    """One pattern at one size. Times are microseconds; `reasons` says why one is missing, or all of them (`ALL`).

    `not_kernels`, `differs`: as of `Sides`.
    """

    pattern: str
    rows: int
    hidden: int
    inputs: Mapping[str, str] = attrs.Factory(dict)
    bytes: int = 0
    times: Mapping[str, float] = attrs.Factory(dict)
    reasons: Mapping[str, str] = attrs.Factory(dict)
    not_kernels: str | None = None
    differs: str | None = None

    def ratio(self, name: str) -> float | None:
        """The time of `name` over that of the right side."""
        if name not in self.times or RIGHT not in self.times:
            return None
        return self.times[name] / self.times[RIGHT]

    @property
    def rate(self) -> float | None:
        """GB/s of the right side."""
        return self.bytes / self.times[RIGHT] / 1e3 if RIGHT in self.times else None

    @property
    def verdict(self) -> str:
        """`pays`, `even` or `does not pay` against the faster of what it replaces, `wrong`, or `unknown`."""
        if self.differs is not None:
            return "wrong"
        others = [ratio for name in (LEFT, INDUCTOR) if (ratio := self.ratio(name)) is not None]
        if not others or self.not_kernels is not None:
            return "unknown"
        least = min(others)
        if abs(least - 1) < EVEN:
            return "even"
        return "pays" if least > 1 else "does not pay"


class Bench:
    """Times sides. `inductor`: also the left side compiled."""

    def __init__(self, device: str, inductor: bool) -> None:
        self.device, self.inductor = device, inductor
        self._reasons: dict[str, str] = {}
        self._timer = self._make_timer()

    def _make_timer(self) -> Timer:
        def tell(name: Any, error: Exception) -> None:
            self._reasons[name] = f"{type(error).__name__}: {first_line(error)}"

        if self.device == "cpu":
            return CpuTimer(tell)
        from patdsl.bench.graph_time import GraphTimer

        return GraphTimer(tell)

    def line(self, pattern: str, size: Size, sides: Sides) -> Line:
        """Both sides timed."""
        self._reasons = {}
        if self.device != "cpu":
            torch.cuda.empty_cache()  # of the size before, whose tensors were of other sizes
        with torch.no_grad():
            sets = _sets(sides.inputs)
            candidates = {LEFT: _node(sides.left, sets), RIGHT: _node(sides.right, sets)}
            if not self.inductor:
                pass
            elif isinstance(sides.plain, str):
                self._reasons[INDUCTOR] = sides.plain
            else:
                candidates[INDUCTOR] = _node(_compiled(sides.plain), sets)
            runs = self._timer.quick(candidates, cold=True)
            times = self._timer.together({name: candidates[name] for name in runs}, cold=True) if runs else {}
        return Line(
            pattern,
            size.rows,
            size.hidden,
            sides.shapes(),
            sides.bytes,
            times,
            dict(self._reasons),
            sides.not_kernels or ("it ran on a CPU" if self.device == "cpu" else None),
            sides.differs,
        )


def _sets(inputs: Sequence[Tensor]) -> list[list[Tensor]]:
    """Equal inputs in memory of their own, so that a call finds none of it in a cache."""
    size = sum(each.numel() * each.element_size() for each in inputs)
    count = max(LEAST_NODES, min(MOST_NODES, MEMORY // max(size, 1)))
    return [list(inputs), *([each.clone() for each in inputs] for _ in range(count - 1))]


def _node(side: Side, sets: Sequence[Sequence[Tensor]]) -> Node:
    return Node(lambda index: side(*sets[index]), len(sets), hold=True)


def _compiled(side: Side) -> Side:
    """Compiled for the sizes of its first call. Forgets what was compiled before: torch keeps only a few."""
    torch.compiler.reset()
    compiled: Side = torch.compile(side, dynamic=False, fullgraph=True)
    return compiled
