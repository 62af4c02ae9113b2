"""Chooses among matches that compete: rule 3.

In: every match of a pass in one graph. Out: those to apply, in the order in which to apply them, and refusals
for the others. Two matches compete where one removes a node that the other computes with. A superset of costly
nodes wins; for equal sets the one that replaces fewer values; then `prefer`; then the larger set, the earlier
place, and the name. File order never decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from patdsl.match.found import Match, Refusal, Value


@attrs.frozen(eq=False)
class _Candidate:
    match: Match[Any]
    costly: frozenset[Any]
    order: tuple[Any, ...]


def choose_maximal(
    matches: Sequence[Match[Any]], position: Callable[[Any], int]
) -> tuple[list[Match[Any]], list[Refusal[Any]]]:
    """The matches to apply, by position, and the ones that gave way."""
    candidates = sorted((_candidate(match, position) for match in matches), key=lambda each: each.order)
    rivals = _rivals(candidates)
    left = dict.fromkeys(candidates)
    chosen: list[_Candidate] = []
    refused: list[Refusal[Any]] = []
    while left:
        best = next(
            (each for each in left if not any(_beats(r, each) for r in rivals[each] if r in left)), None
        )
        winner = best if best is not None else next(iter(left))
        chosen.append(winner)
        del left[winner]
        for rival in rivals[winner]:
            if rival in left:
                del left[rival]
                refused.append(_gave_way(rival.match, winner.match))
    ordered = _in_order([each.match for each in chosen], position, refused)
    return ordered, refused


def _candidate(match: Match[Any], position: Callable[[Any], int]) -> _Candidate:
    costly = frozenset(node for site in match.sites for node in site.nodes)
    places = tuple(sorted(position(node) for node in costly))
    order = (-len(costly), places, match.redefines, match.pattern.full_name)
    return _Candidate(match, costly, order)


def _rivals(candidates: Sequence[_Candidate]) -> dict[_Candidate, list[_Candidate]]:
    """Candidates of which one removes what the other computes with."""
    by_node: dict[Any, list[_Candidate]] = {}
    for each in candidates:
        for node in each.costly:
            by_node.setdefault(node, []).append(each)
    found: dict[_Candidate, list[_Candidate]] = {}
    for each in candidates:
        dying = set(each.match.dying)
        near = dict.fromkeys(other for node in each.costly for other in by_node[node] if other is not each)
        found[each] = [
            other
            for other in near
            if not dying.isdisjoint(other.costly) or not each.costly.isdisjoint(other.match.dying)
        ]
    return found


def _beats(one: _Candidate, other: _Candidate) -> bool:
    if one.costly != other.costly:
        if one.costly > other.costly or other.costly > one.costly:
            return one.costly > other.costly
        return other.match.pattern.name in one.match.pattern.over
    if one.match.redefines != other.match.redefines:
        return one.match.redefines < other.match.redefines
    return other.match.pattern.name in one.match.pattern.over


def _gave_way(match: Match[Any], winner: Match[Any]) -> Refusal[Any]:
    return Refusal(match.pattern, match.dying[0], "maximal", f"'{winner.pattern.full_name}' takes this place")


def _in_order(
    matches: list[Match[Any]], position: Callable[[Any], int], refused: list[Refusal[Any]]
) -> list[Match[Any]]:
    """By insertion point; what reads a value that another match replaces comes after that one, or gives way."""
    makers: dict[Any, Match[Any]] = {}
    for match in matches:
        for each in match.replaced:
            makers.setdefault(each.old.key, match)
    dropped: list[Match[Any]] = []

    def drop(match: Match[Any]) -> None:
        dropped.append(match)
        refused.append(
            Refusal(match.pattern, match.dying[0], "sound", "takes a value that is replaced later")
        )

    ordered = sorted(matches, key=lambda match: (position(match.before), match.pattern.full_name))
    placed: list[Match[Any]] = []
    waiting = ordered
    while waiting:
        still = []
        for match in waiting:
            needs = [makers[key] for key in _read_keys(match) if key in makers and makers[key] is not match]
            if any(
                position(maker.before) > position(match.before) for maker in needs if maker not in dropped
            ):
                drop(match)
            elif any(maker in still or maker in waiting[waiting.index(match) :] for maker in needs):
                still.append(match)
            else:
                placed.append(match)
        if len(still) == len(waiting):
            drop(still.pop())  # each takes what another replaces: without the last, one can go first
        waiting = still
    return sorted(placed, key=lambda match: (position(match.before), placed.index(match)))


def _read_keys(match: Match[Any]) -> set[Any]:
    found: set[Any] = set()

    def walk(value: Any) -> None:
        if isinstance(value, Value):
            found.add(value.key)
        elif isinstance(value, tuple):
            for item in value:
                walk(item)

    for call in match.right:
        walk(tuple(call.args.values()) if hasattr(call, "args") else call.source)
    for each in match.replaced:
        walk(each.new)
    return found
