"""Several passes, one after the other.

In: passes. Out: `Chain`, itself a pass for Inductor, in an order that respects every `after`. Raises PassOrderError
where there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from patdsl.graph import PassSpec
from patdsl.runtime import torch_api
from patdsl.runtime.hosts import host_values
from patdsl.runtime.passes import FusionPass, Register
from patdsl.runtime.torch_api import Graph, GraphModule
from patdsl.runtime.uuid import joined_uuid

if TYPE_CHECKING:
    from patdsl.explain.report import GraphReport
    from patdsl.runtime.report import Report


class PassOrderError(ValueError):
    """Passes that are each to run after the other, or two of one name."""


class Chain(torch_api.CustomGraphPass):  # type: ignore[misc]
    """Passes in the order given, moved only where an `after` asks for it; one that names no pass here is met."""

    def __init__(self, passes: Iterable[FusionPass]) -> None:
        self.passes = tuple(in_order(list(passes)))

    @classmethod
    def build(
        cls,
        passes: Sequence[tuple[PassSpec, Register | None]],
        *,
        hosts: Mapping[str, Any] | None = None,
        target: str | None = None,
    ) -> Chain:
        """The passes of a compiled module. Every host value given must be declared by one of them."""
        values = host_values([spec for spec, _ in passes], hosts)
        return cls(
            FusionPass(
                spec, register, hosts={host.name: values[host.name] for host in spec.hosts}, target=target
            )
            for spec, register in passes
        )

    def __call__(self, graph: Graph) -> None:
        """Apply every pass to a graph, in order."""
        for each in self.passes:
            each(graph)

    def __iter__(self) -> Iterator[FusionPass]:
        return iter(self.passes)

    def __add__(self, other: Chain | FusionPass) -> Chain:
        """One chain of the passes of both."""
        return Chain((*self.passes, *(other.passes if isinstance(other, Chain) else (other,))))

    @property
    def counts(self) -> Counter[str]:
        """Matches written by pattern, in all graphs so far."""
        return sum((each.counts for each in self.passes), Counter())

    @property
    def last_counts(self) -> Counter[str]:
        """Matches written by pattern in the most recent graph."""
        return sum((each.last_counts for each in self.passes), Counter())

    def uuid(self) -> str | None:
        """The identity of all passes in their order; None where one has none."""
        return joined_uuid([each.uuid() for each in self.passes])

    def explain(self, gm: GraphModule | Graph) -> GraphReport:
        """Where each pattern holds in a graph, and why it does not where it nearly does. The graph stays as it is:
        what a pass would take is taken for those behind it, what it would make is not seen."""
        from patdsl.explain.in_process import explain_graph

        return explain_graph(gm.graph if isinstance(gm, GraphModule) else gm, self.passes)

    def report(self) -> Report:
        """The reports of the passes, in order."""
        # Most processes ask for no report.
        from patdsl.runtime.report import Report

        return Report(tuple(each.report() for each in self.passes))


def in_order(passes: Sequence[FusionPass]) -> list[FusionPass]:
    """The passes with each behind those it is to run after, else in the order given. Raises PassOrderError."""
    names = [each.name for each in passes]
    for name, count in Counter(names).items():
        if count > 1:
            raise PassOrderError(f"two passes are called '{name}'; load one of them, or rename one")
    pending = list(passes)
    ordered: list[FusionPass] = []
    done: set[str] = set()
    while pending:
        ready = next((each for each in pending if not _waits_for(each, names, done)), None)
        if ready is None:
            raise PassOrderError(f"the passes run after each other in a circle: {_circle(pending, names)}")
        pending.remove(ready)
        ordered.append(ready)
        done.add(ready.name)
    return ordered


def _waits_for(each: FusionPass, names: Sequence[str], done: set[str]) -> list[str]:
    return [name for name in each.spec.after if name in names and name not in done]


def _circle(pending: Sequence[FusionPass], names: Sequence[str]) -> str:
    """One circle among passes of which each waits for another."""
    by_name = {each.name: each for each in pending}
    path = [pending[0].name]
    while path[-1] not in path[:-1]:
        waits = [name for name in by_name[path[-1]].spec.after if name in by_name]
        path.append(waits[0])
    return " after ".join(path[path.index(path[-1]) :])
