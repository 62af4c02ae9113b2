"""One work at one size, timed: the kernel, the floor under it, and its peers.

In: a work, memory. Out: a line of the results, microseconds a graph node. Candidates of Triton and of the copy are
looked at briefly one after another; the best few are then timed together with the kernel and the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from families import Work
from floor import Floor
from graph_time import GraphTimer, Node
from memory import Blocks

HOT_ROWS = 1024
MOST_NODES, LEAST_NODES = 200, 4
INDUCTOR_NODES = 60  # each has results of its own
FINALISTS = 2
Key = TypeVar("Key")
Line = dict[str, Any]


class Bench:
    """Times works on the current GPU. `forms`: configs of the HIP kernel timed beside the one chosen by size."""

    def __init__(
        self,
        memory: Blocks,
        floor: Floor,
        timer: GraphTimer,
        inductor: bool = True,
        approximate: bool = False,
        forms: tuple[int, ...] = (),
    ) -> None:
        self.memory, self.floor, self.timer = memory, floor, timer
        self.inductor, self.approximate, self.forms = inductor, approximate, forms

    def lines(self, work: Work) -> list[Line]:
        """Cold, and up to 1,024 rows hot."""
        self.memory.reset()
        nodes = max(LEAST_NODES, min(MOST_NODES, self.memory.size // max(work.bytes, 1)))
        sets = [work.make(self.memory) for _ in range(nodes)]
        compiled = self._compiled(work, sets[0]) if self.inductor else None
        return [
            self._line(
                work, (lambda node: sets[node]) if cold else (lambda node: sets[0]), nodes, cold, compiled
            )
            for cold in ((True, False) if work.rows <= HOT_ROWS else (True,))
        ]

    def _line(
        self,
        work: Work,
        choose: Callable[[int], Any],
        nodes: int,
        cold: bool,
        compiled: Callable[[Any], object] | None,
    ) -> Line:
        def node(launch: Callable[[Any], object]) -> Node:
            return Node(lambda index: launch(choose(index)), nodes)

        threads = min(1024, (work.hidden // 16 + 31) // 32 * 32)
        copies = self._best(
            {form: node(lambda b, form=form: work.copy(self.floor, b, form)) for form in work.copy_forms()},
            cold,
        )
        tritons = self._best(
            {
                config: node(lambda b, config=config: work.triton(b, config, approximate=self.approximate))
                for config in work.configs()
            },
            cold,
        )
        candidates: dict[Any, Node] = {
            "ours": node(lambda b: work.ours(b)),
            "empty": node(lambda b: self.floor.empty(work.blocks, threads)),
        }
        candidates |= {("form", form): node(lambda b, form=form: work.ours(b, form)) for form in self.forms}
        candidates |= {("copy", form): launch for form, launch in copies.items()}
        candidates |= {("triton", config): launch for config, launch in tritons.items()}
        if compiled is not None:
            candidates["inductor"] = Node(
                lambda index: compiled(choose(index)), min(nodes, INDUCTOR_NODES), hold=cold
            )
        times = self.timer.together(candidates, cold)
        copy = min((key for key in times if key[0] == "copy"), key=times.__getitem__)
        triton = min((key for key in times if key[0] == "triton"), key=times.__getitem__)
        return {
            "family": work.family,
            "hidden": work.hidden,
            "rows": work.rows,
            "cold": cold,
            "nodes": nodes,
            "bytes": work.bytes,
            "empty": times["empty"],
            "copy": times[copy],
            "copy_form": copy[1],
            "ours": times["ours"],
            "triton": times[triton],
            "triton_config": _config_text(triton[1]),
            "inductor": times.get("inductor"),
            **({"forms": {str(form): times["form", form] for form in self.forms}} if self.forms else {}),
        }

    def _best(self, candidates: Mapping[Key, Node], cold: bool) -> dict[Key, Node]:
        """The fastest few at a first look."""
        times = self.timer.quick(candidates, cold)
        chosen = sorted(candidates, key=times.__getitem__)[:FINALISTS]
        return {key: candidates[key] for key in chosen}

    def _compiled(self, work: Work, buffers: Any) -> Callable[[Any], object] | None:
        """Inductor's code for this size, or None where there is no unfused form."""
        function = work.unfused()
        if function is None:
            return None
        torch._dynamo.reset()
        compiled = torch.compile(function, dynamic=False)
        compiled(*work.arguments(buffers))
        return lambda b: compiled(*work.arguments(b))


def _config_text(config: Any) -> str:
    """Such as `1 row, 8 warps, 4096+2048+1024`."""
    parts = "+".join(str(columns) for _, columns in config.parts)
    more = [f"tile {config.tile}"] if config.tile else []
    more += [f"{config.persistent} persistent"] if config.persistent else []
    more += ["8-byte stores"] if config.vector == 8 else []
    return ", ".join([f"{config.rows} rows", f"{config.warps} warps", parts, *more])
