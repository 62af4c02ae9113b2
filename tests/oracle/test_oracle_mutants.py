"""The oracle's cases can fail: each of the engine's rules, broken alone, is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from oracle_cases import File, check, file_of, graph_of
from oracle_graph import Graph
from oracle_known import KNOWN, NEAR
from oracle_mutants import MUTANTS, Mutant, broken
from oracle_patterns import compiled
from oracle_shrink import failures, shrunk

FILES, GRAPHS = range(80), 12


@cache
def cases() -> tuple[tuple[File, Graph], ...]:
    """The first graph of every file, then the second ones."""
    files = [(seed, file_of.__wrapped__(seed)) for seed in FILES]
    return (*_known(), *((file, graph_of(file, seed, at)) for at in range(GRAPHS) for seed, file in files))


def _known() -> Iterator[tuple[File, Graph]]:
    for specs, graph in (*KNOWN.values(), *NEAR.values()):
        fused = compiled(specs)
        assert fused is not None
        yield File(specs, fused, fused.resolved()), graph


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_broken_rule_is_noticed(mutant: Mutant) -> None:
    with broken(mutant):
        assert any(check(file, graph, run=False).disagreements for file, graph in cases())


def test_a_failure_is_cut_down() -> None:
    mutant = next(each for each in MUTANTS if each.title == "other users do not matter")
    with broken(mutant):
        file, graph = next((f, g) for f, g in cases() if check(f, g, run=False).disagreements)
        specs, small = shrunk(file.specs, graph)
        assert failures(specs, small)
        assert len(specs) == 1
        assert len(small.nodes) <= len(graph.nodes)
    assert not failures(specs, small)
