"""One case: patdsl's engine and torch's matcher on the same pattern and the same graph.

In: a compiled pattern and a `Graph`. Out: `check`: differences that no fault of torch's explains, which faults were
seen, how many places both found.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import lru_cache
from pathlib import Path
from random import Random

import attrs
from peer_faults import NOT_INJECTIVE, Place, missed, place_of, wrongly_matched
from peer_fx import results, same, to_fx
from peer_make import random_graph, random_spec
from peer_spec import Graph, Spec, text_of
from peer_torch import TorchPass, apply, found, torch_pass

from patdsl import PatError
from patdsl.match import engine, native
from patdsl.match.fx_view import FxView
from patdsl.match.index import PatternIndex
from patdsl.match.judge import Judge
from patdsl.match.placement import Barriers
from patdsl.match.sites import Sites
from patdsl.runtime import load
from patdsl.runtime.passes import FusionPass


@attrs.frozen(eq=False)
class Both:
    """A pattern for each of the two."""

    spec: Spec
    ours: FusionPass
    theirs: TorchPass


@attrs.frozen
class Result:
    """`agreed`: places that both found. `harmed`: torch's rewriting, where only torch's match is at fault, gave other
    results or no graph that runs.
    """

    differences: tuple[str, ...]
    faults: Counter[str]
    agreed: int
    harmed: bool = False


@lru_cache(4)
def both_of(seed: int) -> Both:
    random = Random(seed)  # noqa: S311 (a case is its seed)
    while True:
        made = compiled(random_spec(random))
        if made is not None:
            return made


def graph_of(both: Both, seed: int, number: int) -> Graph:
    return random_graph(Random(f"{seed}/{number}"), both.spec)  # noqa: S311 (the same)


def compiled(spec: Spec) -> Both | None:
    """None where the compiler has objections."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.pat"
        path.write_text(text_of(spec), encoding="utf-8")
        try:
            (ours,) = load(path, target="cpu")
        except PatError:
            return None
    assert isinstance(ours, FusionPass)
    return Both(spec, ours, torch_pass(spec))


def our_places(ours: FusionPass, graph: Graph) -> set[Place]:
    """Every place, before the engine chooses among those that overlap."""
    resolved = ours.resolved()
    sites = Sites(FxView(to_fx(graph).graph), resolved.context, native.find_native)
    index = PatternIndex(resolved.enabled, resolved.context)
    places = set()
    for entry in index.candidates(sites):
        matches, _ = engine.find_one(Judge(sites, Barriers(sites)), entry, engine.find_left(sites, entry))
        places |= {frozenset(node.name for site in m.sites for node in site.nodes) for m in matches}
    return places


def check(both: Both, graph: Graph) -> Result:
    try:
        return _checked(both, graph)
    except Exception as error:  # a fault of either is what this looks for
        return Result((f"{type(error).__name__}: {error}",), Counter(), 0)


def _checked(both: Both, graph: Graph) -> Result:
    ours = our_places(both.ours, graph)
    matches = found(both.theirs, to_fx(graph))
    told: list[str] = []
    faults: Counter[str] = Counter()
    wrong = False
    theirs: set[Place] = set()
    for match in matches:
        fault = wrongly_matched(match)
        place = place_of(match)
        if fault is not None and (fault is NOT_INJECTIVE or place not in ours):
            faults[fault] += 1
            wrong = True
        elif place not in ours:
            told.append(f"only torch matches {sorted(place)}")
        else:
            theirs.add(place)
            wrong |= fault is not None
    for place in ours - theirs:
        why = missed(both.spec, both.theirs, graph, place)
        if why is None:
            told.append(f"only patdsl matches {sorted(place)}")
        faults.update(why or ())
    told += _rewritten(both, graph, ours)
    harmed = False
    if wrong:
        harmed = not _right(both.theirs, graph)
    elif not told:
        told += _torch_rewrites(both, graph, ours, theirs)
    return Result(tuple(told), faults, len(ours & theirs), harmed)


def _rewritten(both: Both, graph: Graph, places: set[Place]) -> list[str]:
    """Whatever torch does, patdsl writes its matches and changes no result."""
    module = to_fx(graph)
    before = results(module, graph)
    written = both.ours.apply(module)
    module.graph.lint()
    told = [f"not written: {each}" for each in both.ours.report().refusals if each.rule == "written"]
    if not same(before, results(module, graph)):
        told.append("patdsl's rewriting changes the results")
    if bool(written) is not bool(places) or (_apart(places) and written < len(places)):
        told.append(f"patdsl wrote {written} of {len(places)} places")
    left = {node.name for node in module.graph.nodes}
    if _apart(places) and not left.isdisjoint(node for place in places for node in place):
        told.append("what patdsl replaced is still there")
    return told


def _torch_rewrites(both: Both, graph: Graph, ours: set[Place], theirs: set[Place]) -> list[str]:
    module = to_fx(graph)
    before = results(module, graph)
    count = apply(both.theirs, module)
    if not same(before, results(module, graph)):
        return ["torch's rewriting changes the results"]
    if ours == theirs and _apart(ours) and count != len(ours):
        return [f"torch wrote {count}, patdsl {len(ours)}"]
    return []


def _right(theirs: TorchPass, graph: Graph) -> bool:
    module = to_fx(graph)
    before = results(module, graph)
    try:
        apply(theirs, module)
        return same(before, results(module, graph))
    except Exception:
        return False


def _apart(places: set[Place]) -> bool:
    return sum(map(len, places)) == len(set().union(*places))
