"""Finds where patterns hold in a graph.

In: a `GraphView`, the patterns of a pass and a `Context`. Out: `Found`: matches that can all be applied, in the
order in which to apply them, and refusals. Changes nothing.

How to apply `Found.matches`: in order, each in front of its `before`, redirecting the users of `Replaced.old`
at once. A match may take a value that an earlier one replaced: look its holders up in what was put in their
place. Leave dead nodes where they are until all matches are applied, since a later `before` may be one of them;
then remove what is dead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import attrs

from patdsl.graph import Pattern
from patdsl.match.blocks import Placed, places
from patdsl.match.choice import on_target
from patdsl.match.context import Context
from patdsl.match.found import Match, Refusal
from patdsl.match.index import Indexed, PatternIndex
from patdsl.match.judge import Judge
from patdsl.match.maximal import choose_maximal
from patdsl.match.native import find_native
from patdsl.match.placement import Barriers
from patdsl.match.protocol import GraphView
from patdsl.match.sites import Sites

#: Refusals kept for each pattern.
REFUSALS = 100


@attrs.frozen
class Found:
    """`matches` in the order in which to apply them; `refusals`, at most `REFUSALS` of each pattern; `missing`:
    patterns that were not looked for, and what the graph lacks.
    """

    matches: tuple[Match[Any], ...]
    refusals: tuple[Refusal[Any], ...]
    missing: tuple[tuple[Pattern, str], ...]


def find(view: GraphView[Any], patterns: Sequence[Pattern] | PatternIndex, context: Context) -> Found:
    """Every place where a pattern holds, after rule 3 has chosen among them. An index saves time over many graphs."""
    index = patterns if isinstance(patterns, PatternIndex) else PatternIndex(patterns, context)
    return find_in(Sites(view, context, find_native), index)


def find_in(sites: Sites, index: PatternIndex) -> Found:
    """`find` in a graph whose sites are already being kept."""
    judge = Judge(sites, Barriers(sites))
    lefts: dict[int, Left] = {}
    matches: list[Match[Any]] = []
    refusals: list[Refusal[Any]] = []
    candidates = index.candidates(sites)
    for entry in candidates:
        if on_target(sites, entry.pattern.targets):
            if entry.left not in lefts:
                lefts[entry.left] = find_left(sites, entry)
            found, refused = find_one(judge, entry, lefts[entry.left])
            matches.extend(found)
            refusals.extend(refused)
    chosen, gave_way = choose_maximal(matches, sites.view.position)
    return Found(tuple(chosen), (*refusals, *gave_way), tuple(_missing(sites, index, candidates)))


def _missing(
    sites: Sites, index: PatternIndex, candidates: Sequence[Indexed]
) -> Iterator[tuple[Pattern, str]]:
    looked_for = {entry.at for entry in candidates}
    for entry in index.entries:
        reason = None if entry.at in looked_for else index.missing(sites, entry)
        if reason is not None:
            yield entry.pattern, reason


@attrs.frozen
class Left:
    """Where a left side holds, and why it does not hold elsewhere: node, rule, reason."""

    places: tuple[Placed, ...]
    refused: tuple[tuple[Any, str, str], ...]


def find_left(sites: Sites, entry: Indexed) -> Left:
    """The places of one left side, one for each way to bind."""
    refused: dict[tuple[Any, str, str], None] = {}

    def tell(node: Any, rule: str, reason: str) -> None:
        if len(refused) < REFUSALS:
            refused.setdefault((node, rule, reason))

    found = tuple(places(sites, entry.resolved.left, entry.types, tell))
    return Left(found, tuple(refused))


def find_one(judge: Judge, entry: Indexed, left: Left) -> tuple[list[Match[Any]], list[Refusal[Any]]]:
    """The matches of one pattern, before rule 3: one for each set of costly nodes, and why other places are none."""
    matches: dict[frozenset[Any], Match[Any]] = {}
    refused = dict.fromkeys(left.refused)
    for place in left.places:
        if place.solution.nodes in matches:
            continue
        verdict = judge.judge(entry.resolved, place)
        if isinstance(verdict, Match):
            matches[place.solution.nodes] = attrs.evolve(verdict, pattern=entry.pattern)
        else:
            refused.setdefault((verdict.at, verdict.rule, verdict.reason))
    return list(matches.values()), [Refusal(entry.pattern, *each) for each in islice(refused, REFUSALS)]
