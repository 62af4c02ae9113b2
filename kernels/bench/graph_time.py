"""The time of one kernel node in a CUDA graph.

In: a function that launches on the current stream. Out: microseconds a node, the median of several replays. Cold: the
nodes read different buffers and the L2 cache is filled with something else before each replay. Hot: they all read
the same buffers.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch

REPLAYS = 15


class GraphTimer:
    """Holds the memory that empties the L2 cache."""

    def __init__(self) -> None:
        self._other = torch.ones(64 * 2**20, dtype=torch.int32, device="cuda")  # 256 MB, read and not written

    def time(self, launch: Callable[[int], object], nodes: int, cold: bool) -> float:
        """Microseconds a node, `launch(0)` to `launch(nodes - 1)` being the nodes."""
        launch(0)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for node in range(nodes):
                launch(node)
        graph.replay()
        times = []
        for _ in range(REPLAYS):
            if cold:
                self._other.max()
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            graph.replay()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) * 1e3 / nodes)
        return statistics.median(times)
