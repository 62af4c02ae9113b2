"""The time of one kernel node in a CUDA graph.

In: functions that launch on the current stream. Out: microseconds a node. Cold: the nodes read different buffers and
the L2 cache is filled with something else before each replay. Hot: they all read the same buffers. What is to be
compared is replayed in turn, so that a change of the clocks meets all of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import attrs
import torch

from patdsl.torch_private import spin

Launch = Callable[[int], object]
Name = TypeVar("Name")
_cuda: Any = torch.cuda  # not annotated
QUICK_NODES, QUICK_REPLAYS, LEAST_NODES = 40, 4, 4
REPLAYS = 15
SPIN = 20_000  # clock cycles before a hot replay: as long as the host takes to launch the graph


@attrs.frozen
class Node:
    """`launch(0)` to `launch(nodes - 1)` are the nodes. With `hold`, what they return lives as long as the graph."""

    launch: Launch
    nodes: int
    hold: bool = False


class GraphTimer:
    """Holds the memory that empties the L2 cache. `tell` is given what could not be timed, and why."""

    def __init__(self, tell: Callable[[Any, Exception], object]) -> None:
        self._tell = tell
        self._other = torch.ones(64 * 2**20, dtype=torch.int32, device="cuda")  # 256 MB, read and not written
        self._stream = _cuda.Stream()

    def quick(self, candidates: Mapping[Name, Node], cold: bool) -> dict[Name, float]:
        """A first look at many candidates: few nodes, few replays, one candidate after another.

        A candidate that raises, for want of registers or shared memory say, is told of and has no time.
        """
        found = {}
        for name, node in candidates.items():
            try:
                found.update(self._times({name: self._short(node)}, cold, QUICK_REPLAYS))
            except Exception as error:
                self._tell(name, error)
        return found

    def together(
        self, candidates: Mapping[Name, Node], cold: bool, replays: int = REPLAYS
    ) -> dict[Name, float]:
        """The median of `replays` of each candidate, replayed in turn."""
        return self._times(candidates, cold, replays)

    def _short(self, node: Node) -> Node:
        """Fewer nodes, and fewer still where they are long."""
        return attrs.evolve(node, nodes=max(min(node.nodes, LEAST_NODES), min(node.nodes // 5, QUICK_NODES)))

    def _times(self, candidates: Mapping[Name, Node], cold: bool, replays: int) -> dict[Name, float]:
        graphs, held = {}, []
        for name, node in candidates.items():
            graphs[name], results = self.capture(node)
            held.append(results)
        events: dict[Name, list[tuple[torch.cuda.Event, torch.cuda.Event]]] = {name: [] for name in graphs}
        for graph in graphs.values():
            graph.replay()
        for _ in range(replays):
            for name, graph in graphs.items():
                begin, end = _cuda.Event(enable_timing=True), _cuda.Event(enable_timing=True)
                if cold:
                    self._other.max()
                else:
                    spin(SPIN)
                begin.record()
                graph.replay()
                end.record()
                events[name].append((begin, end))
        torch.cuda.synchronize()
        return {
            name: statistics.median(begin.elapsed_time(end) for begin, end in pairs)
            * 1e3
            / candidates[name].nodes
            for name, pairs in events.items()
        }

    def capture(self, node: Node) -> tuple[torch.cuda.CUDAGraph, list[object]]:
        """A graph of a node's launches, and what it holds.

        Not `torch.cuda.graph`, which collects Python's garbage each time: there are thousands of graphs.
        """
        node.launch(0)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        held: list[object] = []
        with torch.cuda.stream(self._stream):
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                for index in range(node.nodes):
                    result = node.launch(index)
                    if node.hold:
                        held.append(result)
            finally:
                graph.capture_end()
        return graph, held
