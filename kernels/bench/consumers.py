"""What two readers of one norm cost: one call against two, and two layouts of the scales from one read.

In: memory, a timer. Out: a line for each size, microseconds for what both readers need. Inputs are cold to the first
call of a pair; the second finds them where the first left them, as it would in a model.
"""

from __future__ import annotations

from typing import Any

import attrs
import torch
from memory import Memory
from rows_work import Buffers, RowsWork
from torch import Tensor
from unfused import EPSILON, GROUP

from patdsl.bench.graph_time import GraphTimer, Node

SOURCES = ("norm", "add_norm")
HIDDEN = (4096, 7168)
ROWS = (1024, 8192, 32768)
MOST_NODES = 60


@attrs.frozen
class Pair:
    """The buffers of two calls on one input. `columns` are column-major scales."""

    first: Buffers
    second: Buffers
    columns: Tensor


def make_pair(work: RowsWork, memory: Memory) -> Pair:
    first = work.make(memory)
    spare = work.make(memory)
    groups = work.hidden // GROUP
    columns = memory.output(groups, work.rows, dtype=torch.float32).t()
    second = attrs.evolve(first, q=spare.q, scale=spare.scale, total=spare.total)
    return Pair(first, second, columns)


def launch(work: RowsWork, b: Buffers, scale: Tensor | None = None, scale2: Tensor | None = None) -> None:
    from patdsl.kernels import rows

    rows.launch(
        work.family,
        source=work.source,
        quant="group",
        x=b.x,
        other=b.other,
        weight=b.weight,
        q=b.q,
        scale=b.scale if scale is None else scale,
        scale2=scale2,
        sum=b.total,
        epsilon=EPSILON,
        group=GROUP,
    )


def lines(memory: Any, timer: GraphTimer) -> list[dict[str, Any]]:
    """`memory` is `Blocks`."""
    return [
        line(RowsWork("consumers", source, "group", hidden, rows), memory, timer)
        for source in SOURCES
        for hidden in HIDDEN
        for rows in ROWS
    ]


def line(work: RowsWork, memory: Any, timer: GraphTimer) -> dict[str, Any]:
    memory.reset()
    nodes = max(4, min(MOST_NODES, memory.size // (2 * work.bytes + 4096)))
    pairs = [make_pair(work, memory) for _ in range(nodes)]

    def two(index: int) -> None:
        pair = pairs[index]
        launch(work, pair.first)
        launch(work, pair.second)

    def two_layouts(index: int) -> None:
        pair = pairs[index]
        launch(work, pair.first)
        launch(work, pair.second, scale=pair.columns)

    ways = {
        "one": lambda index: launch(work, pairs[index].first),
        "two": two,
        "layouts": lambda index: launch(work, pairs[index].first, scale2=pairs[index].columns),
        "two_layouts": two_layouts,
    }
    times = timer.together({name: Node(way, nodes) for name, way in ways.items()}, cold=True)
    return {"source": work.source, "hidden": work.hidden, "rows": work.rows, **times}
