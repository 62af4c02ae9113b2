"""One work at one size, timed: the kernel, the floor under it, and its peers.

In: a work, memory. Out: lines of the results, microseconds a graph node. Candidates of Triton and of the copy are
looked at briefly one after another; the best few are then timed together with the kernel and the rest. The results of
what was timed are compared with the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import attrs
import inductor
from compare import faults
from families import Work
from floor import Floor, begins_early
from memory import Blocks

from patdsl.bench.graph_time import GraphTimer, Node

HOT_ROWS = 1024
COMPARED_ROWS = 1024
MOST_NODES, LEAST_NODES = 200, 4
INDUCTOR_NODES = 60  # each has results of its own
FINALISTS = 2
Key = TypeVar("Key")
Line = dict[str, Any]


@attrs.frozen
class Peers:
    """Who is timed beside the kernel, and how. `forms`: configs of the kernel beside the one chosen by size."""

    inductor: bool = True
    approximate: bool = False
    forms: Sequence[int] = ()


class Calls:
    """The calls of one work on buffers of its own, as nodes: cold each with other buffers, hot all with the same."""

    def __init__(self, sets: Sequence[Any], cold: bool) -> None:
        self.sets, self.cold = sets, cold

    def node(self, launch: Callable[[Any], object]) -> Node:
        return Node(lambda index: launch(self.sets[index if self.cold else 0]), len(self.sets))


class Bench:
    """Times works on the current GPU."""

    def __init__(self, memory: Blocks, floor: Floor, timer: GraphTimer, peers: Peers) -> None:
        self.memory, self.floor, self.timer, self.peers = memory, floor, timer, peers

    def lines(self, work: Work) -> list[Line]:
        """Cold, and up to 1,024 rows hot."""
        self.memory.reset()
        nodes = max(LEAST_NODES, min(MOST_NODES, self.memory.size // work.bytes))
        sets = [work.make(self.memory) for _ in range(nodes)]
        compiled, error = self._compiled(work, sets[0]) if self.peers.inductor else (None, None)
        found = [
            self._line(work, Calls(sets, cold), compiled)
            for cold in ((True, False) if work.rows <= HOT_ROWS else (True,))
        ]
        return [{**line, "inductor_error": error} for line in found] if error else found

    def _line(self, work: Work, calls: Calls, compiled: Callable[[Any], object] | None) -> Line:
        forms_of_copy = {form: calls.node(partial(self._copy, work, form)) for form in work.copy_forms()}
        plain = self._best(
            {form: forms_of_copy[form] for form in forms_of_copy if not begins_early(form)}, calls.cold
        )
        early = self._best(
            {form: forms_of_copy[form] for form in forms_of_copy if begins_early(form)}, calls.cold
        )
        nodes = {config: calls.node(partial(self._triton, work, config)) for config in work.configs()}
        ordinary = self._best({config: nodes[config] for config in nodes if not config.early}, calls.cold)
        started_early = {config: nodes[config] for config in nodes if config.early}
        tritons = ordinary | (self._best(started_early, calls.cold) if started_early else {})
        threads = min(1024, (work.hidden // 16 + 31) // 32 * 32)
        candidates: dict[Any, Node] = {
            "ours": calls.node(work.ours),
            "empty": calls.node(lambda _: self.floor.empty(work.blocks, threads)),
        }
        forms = {("form", form): calls.node(partial(_form, work, form)) for form in self.peers.forms}
        candidates |= forms
        candidates |= {("copy", form): node for form, node in (plain | early).items()}
        candidates |= {("triton", config): node for config, node in tritons.items()}
        if compiled is not None:
            node = calls.node(compiled)
            candidates["inductor"] = attrs.evolve(
                node, nodes=min(node.nodes, INDUCTOR_NODES), hold=calls.cold
            )
        times = self.timer.together(candidates, calls.cold)
        copy = min((("copy", form) for form in plain), key=times.__getitem__)
        copy_early = min((("copy", form) for form in early), key=times.__getitem__)
        triton = min((("triton", config) for config in tritons), key=times.__getitem__)
        triton_ordinary = min((("triton", config) for config in ordinary), key=times.__getitem__)
        line = {
            "family": work.family,
            "hidden": work.hidden,
            "rows": work.rows,
            "cold": calls.cold,
            "nodes": len(calls.sets),
            "bytes": work.bytes,
            "empty": times["empty"],
            "copy": times[copy],
            "copy_form": copy[1],
            "copy_early": times[copy_early],
            "ours": times["ours"],
            "triton": times[triton],
            "triton_config": triton[1].text,
            "triton_ordinary": times[triton_ordinary],
            "inductor": times.get("inductor"),
        }
        if forms:
            line["forms"] = {str(form): times["form", form] for form in self.peers.forms}
        if work.rows <= COMPARED_ROWS:
            buffers = calls.sets[0]
            ways = {
                "ours": partial(work.ours, buffers),
                "triton": partial(self._triton, work, triton[1], buffers),
            }
            line["faults"] = faults(work, buffers, ways)
        return line

    def _copy(self, work: Work, form: Any, buffers: Any) -> None:
        work.copy(self.floor, buffers, form)

    def _triton(self, work: Work, config: Any, buffers: Any) -> None:
        work.triton(buffers, config, approximate=self.peers.approximate)

    def _best(self, candidates: Mapping[Key, Node], cold: bool) -> dict[Key, Node]:
        """The fastest few at a first look, of those that run at all."""
        times = self.timer.quick(candidates, cold)
        if not times:
            raise ValueError(f"none of {len(candidates)} candidates runs")
        return {key: candidates[key] for key in sorted(times, key=times.__getitem__)[:FINALISTS]}

    def _compiled(self, work: Work, buffers: Any) -> tuple[Callable[[Any], object] | None, str | None]:
        """Inductor's code for this size, or what hinders it."""
        function = inductor.compiled(work)
        try:
            function(*work.arguments(buffers))
        except Exception as error:  # whatever it is, the other peers are still to be timed
            return None, f"{type(error).__name__}: {error}"[:500]
        return lambda b: function(*work.arguments(b)), None


def _form(work: Work, form: int, buffers: Any) -> None:
    work.ours(buffers, form)
