"""The time of a stack in CUDA graphs, and which kernels it goes to.

In: functions that launch one layer. Out: microseconds a layer, of all sides in one run, replayed in turn; the kernels
of one replay by kind, from torch's profiler. On the CPU: the time of calls, for tests alone.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import attrs
import torch

from patdsl.bench.graph_time import GraphTimer, Launch, Node

ROUNDS, REPLAYS = 5, 40
PROFILED = 3  # replays under the profiler, of which the last counts
PRODUCTS, ATTENTION, FUSED, OTHER = "fp8 products", "attention", "norms to rope", "other"
GAPS = "gaps"
KINDS = (PRODUCTS, ATTENTION, FUSED, OTHER, GAPS)


def graph_times(timer: GraphTimer, sides: Mapping[str, Launch], layers: int) -> list[dict[str, float]]:
    """Microseconds a layer: five rounds, each with graphs of its own and the median of 40 replays of each side.

    Something else has filled the L2 cache before each replay, and the layers' weights are more than it holds.
    """
    nodes = {name: Node(launch, layers) for name, launch in sides.items()}
    return [timer.together(nodes, cold=True, replays=REPLAYS) for _ in range(ROUNDS)]


def wall_times(sides: Mapping[str, Launch], layers: int) -> list[dict[str, float]]:
    """The same of calls from Python."""
    found = []
    for _ in range(ROUNDS):
        times = {}
        for name, launch in sides.items():
            start = time.perf_counter()
            for index in range(layers):
                launch(index)
            times[name] = (time.perf_counter() - start) * 1e6 / layers
        found.append(times)
    return found


def summary(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each side over the rounds."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


@attrs.frozen
class Kernel:
    """On the GPU; microseconds."""

    name: str
    start: float
    end: float


def kernels(launch: Callable[[], object]) -> list[Kernel]:
    """What `launch` runs on the GPU, in the order in which it begins."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        launch()
        torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        return from_trace(json.loads(path.read_text()))


def from_trace(trace: Mapping[str, list[dict[str, object]]]) -> list[Kernel]:
    """The kernels, copies and fills of a trace in Chrome's format."""
    found = [
        Kernel(
            str(event["name"]), float(str(event["ts"])), float(str(event["ts"])) + float(str(event["dur"]))
        )
        for event in trace["traceEvents"]
        if event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")
    ]
    return sorted(found, key=lambda kernel: kernel.start)


def one_replay(timer: GraphTimer, launch: Launch, layers: int) -> list[Kernel]:
    """The kernels of a replay. Raises ValueError where replays differ."""
    graph, _ = timer.capture(Node(launch, layers))

    def replays() -> None:
        for _ in range(PROFILED):
            graph.replay()

    graph.replay()
    torch.cuda.synchronize()
    found = kernels(replays)
    count, rest = divmod(len(found), PROFILED)
    last = found[-count:] if count else []
    if (
        rest
        or not last
        or Counter(each.name for each in last) != Counter(each.name for each in found[:count])
    ):
        raise ValueError(f"{len(found)} kernels in {PROFILED} replays, which are not alike")
    return last


def kind(name: str, products: Collection[str]) -> str:
    """`products`: the names of kernels that fp8 products alone run."""
    if name in products:
        return PRODUCTS
    if name.startswith("triton_") or "patdsl::" in name:
        return FUSED
    if name.startswith(("Memcpy", "Memset")) or "elementwise" in name:
        return OTHER
    return ATTENTION


def shares(run: Sequence[Kernel], products: Collection[str], layers: int) -> dict[str, float]:
    """Microseconds a layer by kind.

    A kernel that begins before the one in front has ended, to wait for it, counts from that end on; what nothing runs
    in is a gap.
    """
    found = dict.fromkeys(KINDS, 0.0)
    busy_until = run[0].start if run else 0.0
    for each in run:
        found[GAPS] += max(0.0, each.start - busy_until) / layers
        found[kind(each.name, products)] += max(0.0, each.end - max(each.start, busy_until)) / layers
        busy_until = max(busy_until, each.end)
    return found


def counts(run: Sequence[Kernel], products: Collection[str], layers: int) -> dict[str, float]:
    """Kernels a layer by kind."""
    found = Counter(kind(each.name, products) for each in run)
    return {name: found[name] / layers for name in KINDS if name != GAPS}


def listing(run: Sequence[Kernel], layers: int) -> list[tuple[str, float, float]]:
    """Name, launches and microseconds a layer, each kernel's whole time, the most first."""
    launches: Counter[str] = Counter(each.name for each in run)
    times = {name: sum(each.end - each.start for each in run if each.name == name) for name in launches}
    return [
        (name[:160], launches[name] / layers, times[name] / layers)
        for name in sorted(times, key=times.__getitem__, reverse=True)
    ]
