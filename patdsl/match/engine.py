"""Finds where patterns hold in a graph.

In: a `GraphView`, the patterns of a pass and a `Context`. Out: `Found`: matches that can all be applied, in the
order in which to apply them, and refusals. Changes nothing.

How to apply `Found.matches`: in order, each in front of its `before`, redirecting the users of `Replaced.old`
at once. A match may take a value that an earlier one replaced: look its holders up in what was put in their
place. Leave dead nodes where they are until all matches are applied, since a later `before` may be one of them;
then remove what is dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from patdsl.graph import Pattern
from patdsl.match.blocks import places
from patdsl.match.choice import on_target
from patdsl.match.context import Context
from patdsl.match.found import Match, Refusal
from patdsl.match.judge import Judge
from patdsl.match.maximal import choose_maximal
from patdsl.match.native import find_native
from patdsl.match.placement import Barriers
from patdsl.match.protocol import GraphView
from patdsl.match.resolve import resolve_all
from patdsl.match.sites import Sites

#: Refusals kept for each pattern.
REFUSALS = 100


@attrs.frozen
class Found:
    """`matches` in the order in which to apply them; `refusals`, at most `REFUSALS` of each pattern."""

    matches: tuple[Match[Any], ...]
    refusals: tuple[Refusal[Any], ...]


def find(view: GraphView[Any], patterns: Sequence[Pattern], context: Context) -> Found:
    """Every place where a pattern holds, after rule 3 has chosen among them."""
    return find_in(Sites(view, context, find_native), patterns)


def find_in(sites: Sites, patterns: Sequence[Pattern]) -> Found:
    """`find` in a graph whose sites are already being kept."""
    judge = Judge(sites, Barriers(sites))
    matches: list[Match[Any]] = []
    refusals: list[Refusal[Any]] = []
    for pattern in patterns:
        if on_target(sites, pattern.targets):
            found, refused = find_one(judge, pattern)
            matches.extend(found)
            refusals.extend(refused[:REFUSALS])
    chosen, gave_way = choose_maximal(matches, sites.view.position)
    return Found(tuple(chosen), (*refusals, *gave_way))


def find_one(judge: Judge, pattern: Pattern) -> tuple[list[Match[Any]], list[Refusal[Any]]]:
    """The matches of one pattern, before rule 3: one for each set of costly nodes, and why other places are none."""
    sites = judge.sites
    resolved: Pattern = resolve_all(pattern, sites.context.target)
    types = {each.name: each.type for each in resolved.inputs if each.type is not None}
    matches: dict[frozenset[Any], Match[Any]] = {}
    refusals: dict[tuple[Any, str, str], Refusal[Any]] = {}

    def tell(node: Any, rule: str, reason: str) -> None:
        if len(refusals) < REFUSALS:
            refusals.setdefault((node, rule, reason), Refusal(pattern, node, rule, reason))

    for place in places(sites, resolved.left, types, tell):
        if place.solution.nodes in matches:
            continue
        verdict = judge.judge(resolved, place)
        if isinstance(verdict, Match):
            matches[place.solution.nodes] = attrs.evolve(verdict, pattern=pattern)
        else:
            tell(verdict.at, verdict.rule, verdict.reason)
    return list(matches.values()), list(refusals.values())
