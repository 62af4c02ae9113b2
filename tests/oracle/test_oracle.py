"""The engine finds exactly what the oracle finds, and what it writes computes the same."""

from __future__ import annotations

from collections import Counter

import pytest
from oracle_cases import File, Result, check, file_of, graph_of
from oracle_graph import is_swept, is_valid
from oracle_known import KNOWN, NEAR
from oracle_patterns import compiled
from oracle_shrink import reproduction, shrunk

FILES, GRAPHS = range(100, 145), 20


def _told(file: File, seed: int, number: int) -> Result:
    graph = graph_of(file, seed, number)
    result = check(file, graph, run=number % 3 == 0)
    if result.disagreements:
        pytest.fail(f"seed {seed}, graph {number}\n{reproduction(*shrunk(file.specs, graph))}")
    return result


def test_the_engine_finds_what_the_oracle_finds() -> None:
    counts: Counter[str] = Counter()
    for seed in FILES:
        file = file_of(seed)
        for number in range(GRAPHS):
            result = _told(file, seed, number)
            counts["cases"] += 1
            counts["matched"] += result.matches > 0
            counts["nearly"] += result.nearly and not result.matches
            counts["rewritten"] += bool(result.written)
    assert 0.3 < counts["matched"] / counts["cases"] < 0.7, counts
    assert counts["nearly"] > 80, counts
    assert counts["rewritten"] > 80, counts


@pytest.mark.parametrize("name", [*KNOWN, *NEAR])
def test_what_was_wrong_once_and_what_is_nearly_a_match(name: str) -> None:
    specs, graph = {**KNOWN, **NEAR}[name]
    fused = compiled(specs)
    assert fused is not None
    assert is_valid(graph)
    assert is_swept(graph)
    assert not check(File(specs, fused, fused.resolved()), graph).disagreements


def test_a_case_is_its_seeds() -> None:
    first, again = file_of.__wrapped__(3), file_of.__wrapped__(3)
    assert first.specs == again.specs
    assert [graph_of(first, 3, at) for at in range(20)] == [graph_of(again, 3, at) for at in range(20)]
