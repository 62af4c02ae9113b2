"""patdsl's engine against torch's matcher: they agree, but for torch's faults, each of which is shown by itself."""

from __future__ import annotations

import warnings
from collections import Counter
from functools import cache

import pytest
from oracle_mutants import MUTANTS, Mutant, broken
from peer_compare import Both, both_of, check, compiled, graph_of, our_places
from peer_faults import place_of
from peer_fx import results, same, to_fx
from peer_known import FAULTS, SAME, Known, spec_of
from peer_known import graph_of as graph_from
from peer_shrink import reproduction, shrunk
from peer_spec import Graph
from peer_torch import apply, found, torch_pass

PATTERNS, GRAPHS = range(30), 4

pytestmark = pytest.mark.filterwarnings("ignore:erase_node")


@pytest.mark.slow
def test_the_two_agree() -> None:
    counts: Counter[str] = Counter()
    for seed in PATTERNS:
        both = both_of(seed)
        for number in range(GRAPHS):
            graph = graph_of(both, seed, number)
            result = check(both, graph)
            if result.differences:
                small = shrunk(both, graph)
                pytest.fail(f"seed {seed}, graph {number}\n{reproduction(both, small)}")
            counts.update(cases=1, agreed=result.agreed > 0, excused=bool(result.faults))
            counts["agreed and nothing else"] += result.agreed > 0 and not result.faults
    assert counts["agreed and nothing else"] > 0.3 * counts["cases"], counts
    assert counts["excused"] < 0.5 * counts["cases"], counts


@cache
def case(known: Known) -> tuple[Both, Graph]:
    both = compiled(spec_of(known.program))
    assert both is not None
    return both, graph_from(known.graph)


def places(known: Known) -> tuple[list[str], list[str]]:
    """What torch and patdsl find."""
    both, graph = case(known)
    theirs = [" ".join(sorted(place_of(match))) for match in found(both.theirs, to_fx(graph))]
    return theirs, [" ".join(sorted(place)) for place in our_places(both.ours, graph)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_torch(fault: str) -> None:
    known = FAULTS[fault]
    assert places(known) == (list(known.theirs), list(known.ours))
    result = check(*case(known))
    assert not result.differences
    assert fault in result.faults
    assert result.harmed is known.harms


@pytest.mark.parametrize("known", SAME, ids=str)
def test_the_two_agree_on_matches_and_near_misses(known: Known) -> None:
    assert places(known) == (list(known.theirs), list(known.ours))
    result = check(*case(known))
    assert not result.differences
    assert not result.faults


def test_a_fault_of_torch_with_numbers_that_equal_the_sentinel() -> None:
    """The number by which a pattern is traced captures every literal that equals it."""
    spec = spec_of("a=scale(x,k);b=shift(a,1.0);b")
    graph = graph_from("i0: [4, 8]; n0 = scale(i0, 2.0); n1 = shift(n0, 2.0); return n1")
    both, theirs = compiled(spec), torch_pass(spec, sentinel=1.0)
    assert both is not None
    assert not our_places(both.ours, graph)
    assert not found(both.theirs, to_fx(graph))
    module = to_fx(graph)
    before = results(module, graph)
    assert apply(theirs, module) == 1
    assert not same(before, results(module, graph))


def test_a_fault_of_torch_with_one_example_for_two_inputs() -> None:
    """Inputs traced with one tensor are one input."""
    spec = spec_of("a=sub(x,y);a")
    graph = graph_from("i0: [4, 8]; i1: [4, 8]; n0 = sub(i0, i1); return n0")
    both, theirs = compiled(spec), torch_pass(spec, one_example=True)
    assert both is not None
    assert our_places(both.ours, graph)
    assert found(both.theirs, to_fx(graph))
    assert not found(theirs, to_fx(graph))


def test_a_case_is_its_seeds() -> None:
    one, again = both_of.__wrapped__(3), both_of.__wrapped__(3)
    assert one.spec == again.spec
    assert [graph_of(one, 3, at) for at in range(10)] == [graph_of(again, 3, at) for at in range(10)]


# The comparison can fail: rules of the engine, broken alone, are noticed.

NOTICED = {
    "two ops may be one node",
    "other users do not matter",
    "returned values do not matter",
    "inputs may come later",
    "every op is commutative",
    "no op is commutative",
    "equal names, other values",
    "a literal is any number",
    "a default left out is another call",
    "the right side's reads do not live",
}


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.title in NOTICED], ids=str)
def test_a_broken_rule_is_noticed(mutant: Mutant) -> None:
    with warnings.catch_warnings(), broken(mutant):
        warnings.simplefilter("ignore")
        assert any(check(*case(known)).differences for known in (*FAULTS.values(), *SAME))
