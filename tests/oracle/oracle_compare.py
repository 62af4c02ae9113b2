"""What the engine finds in a graph against what the oracle finds.

In: a compiled pass and a `Graph`. Out: `compare`: a `Verdict` with every disagreement in words. The engine is asked
through `find_one` for each pattern, before it chooses, and through `find` for its choice.
"""

from __future__ import annotations

from typing import Any

import attrs
from oracle_choice import objections
from oracle_fx import to_fx
from oracle_graph import Graph
from oracle_match import placements
from oracle_rules import Candidate, judge, ref_of
from oracle_values import Value, World

from patdsl.graph import Pattern
from patdsl.match import engine, native
from patdsl.match.found import Match
from patdsl.match.fx_view import FxView
from patdsl.match.index import PatternIndex
from patdsl.match.judge import Judge
from patdsl.match.placement import Barriers
from patdsl.match.sites import Sites
from patdsl.runtime.resolve import Resolved


@attrs.frozen
class Verdict:
    """`matches`: how many the oracle found; `nearly`: whether the left side held somewhere without a match."""

    disagreements: tuple[str, ...]
    matches: int
    nearly: bool


def compare(resolved: Resolved, graph: Graph) -> Verdict:
    world = World(graph, resolved.context.ops)
    sites = Sites(FxView(to_fx(graph)), resolved.context, native.find_native)
    told: list[str] = []
    candidates: list[Candidate] = []
    nearly = False
    index = PatternIndex(resolved.enabled, resolved.context)
    wanted = index.candidates(sites)
    for entry in index.entries:
        pattern = entry.pattern
        found, broken = by_oracle(pattern, resolved, world)
        ours: list[Match[Any]] = []
        if entry in wanted:
            ours, _ = engine.find_one(Judge(sites, Barriers(sites)), entry, engine.find_left(sites, entry))
        by_nodes = {_costly(match): match for match in ours}
        told += _differences(pattern, found, broken, by_nodes, world)
        candidates += [_bound_alike(ways, by_nodes.get(costly)) for costly, ways in found.items()]
        nearly |= bool(broken)
    if not told and candidates:
        told += _choice(sites, index, candidates)
    return Verdict(tuple(told), len(candidates), nearly)


def by_oracle(
    pattern: Pattern, resolved: Resolved, world: World
) -> tuple[dict[frozenset[str], list[Candidate]], dict[frozenset[str], str]]:
    """Candidates by their costly nodes, and for other places the rule that is broken."""
    found: dict[frozenset[str], list[Candidate]] = {}
    broken: dict[frozenset[str], str] = {}
    for place in placements(pattern, world):
        verdict = judge(pattern, resolved.context.ops, place, world)
        if isinstance(verdict, str):
            broken[place.costly(world)] = verdict
        else:
            found.setdefault(verdict.costly, []).append(verdict)
    return found, {costly: rule for costly, rule in broken.items() if costly not in found}


def _differences(
    pattern: Pattern,
    found: dict[frozenset[str], list[Candidate]],
    broken: dict[frozenset[str], str],
    by_nodes: dict[frozenset[str], Match[Any]],
    world: World,
) -> list[str]:
    told = []
    for costly in by_nodes.keys() - found.keys():
        why = broken.get(costly, "the left side does not hold there")
        told.append(f"{pattern.full_name}: only the engine matches {sorted(costly)}; oracle: {why}")
    for costly in found.keys() - by_nodes.keys():
        told.append(f"{pattern.full_name}: only the oracle matches {sorted(costly)}")
    for costly in found.keys() & by_nodes.keys():
        names = {name: _translated(value, world) for name, value in by_nodes[costly].names.items()}
        if not any(_same_inputs(pattern, names, one) for one in found[costly]):
            told.append(f"{pattern.full_name} at {sorted(costly)}: no such binding: {names}")
    return told


def _bound_alike(ways: list[Candidate], ours: Match[Any] | None) -> Candidate:
    """Of the ways to bind one set of nodes, each as good as the others, one that removes what the engine's removes."""
    dying = frozenset() if ours is None else frozenset(node.name for node in ours.dying)
    return next((one for one in ways if one.dying == dying), ways[0])


def _same_inputs(pattern: Pattern, names: dict[str, Any], one: Candidate) -> bool:
    return all(names.get(each.name) == one.names.get(each.name) for each in pattern.inputs)


def _translated(value: Any, world: World) -> Any:
    holders = getattr(value, "holders", None)
    return value if holders is None else world.value(ref_of(holders[0].name)) if holders else Value(None, "")


def _costly(match: Match[Any]) -> frozenset[str]:
    return frozenset(node.name for site in match.sites for node in site.nodes)


def _choice(sites: Sites, index: PatternIndex, candidates: list[Candidate]) -> list[str]:
    found = engine.find_in(sites, index)
    chosen = [
        next(
            one
            for one in candidates
            if one.pattern.full_name == m.pattern.full_name and one.costly == _costly(m)
        )
        for m in found.matches
    ]
    return list(objections(candidates, chosen))
