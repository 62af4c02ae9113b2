"""Cases by number: files of patterns, each with many graphs.

In: a seed. Out: `file_of`, `graph_of`, and `check`, which tries one graph: what disagrees, and what was found. A
file's seed and a graph's number say everything about a case.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random

import attrs
from oracle_compare import compare
from oracle_differential import differ
from oracle_graph import Graph
from oracle_patterns import random_file
from oracle_plant import random_graph
from oracle_spec import Spec

from patdsl.runtime.passes import FusionPass
from patdsl.runtime.resolve import Resolved


@attrs.frozen(eq=False)
class File:
    """Compiled patterns."""

    specs: tuple[Spec, ...]
    fused: FusionPass
    resolved: Resolved


@attrs.frozen
class Result:
    """What one case showed. `written`: matches that the pass wrote, None where it was not run."""

    disagreements: tuple[str, ...]
    matches: int
    nearly: bool
    written: int | None


@lru_cache(4)
def file_of(seed: int) -> File:
    specs, fused = random_file(Random(seed))  # noqa: S311 (a case is its seed)
    return File(specs, fused, fused.resolved())


def graph_of(file: File, seed: int, number: int) -> Graph:
    return random_graph(Random(f"{seed}/{number}"), file.specs)  # noqa: S311 (the same)


def check(file: File, graph: Graph, run: bool = True) -> Result:
    """The engine against the oracle, then (`run`) the rewritten graph against the one before. Faults are findings."""
    try:
        verdict = compare(file.resolved, graph)
        told, written = list(verdict.disagreements), None
        if run:
            differences, written = differ(file.fused, graph, 1)
            told += differences
            if verdict.matches and not written:
                told.append("the pass wrote nothing, though there are matches")
        return Result(tuple(told), verdict.matches, verdict.nearly, written)
    except Exception as error:  # a fault of the engine is what this looks for
        return Result((f"{type(error).__name__}: {error}",), 0, False, None)
