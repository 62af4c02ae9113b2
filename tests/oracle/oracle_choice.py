"""Rule 3: which of the matches that compete are chosen.

In: the candidates of all patterns in one graph, and which of them were chosen. Out: `objections`: sentences on a
choice that the language does not allow. The reference fixes who wins where one match's nodes include the other's;
where two only overlap it says nothing, so that several choices may be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from oracle_rules import Candidate


def competes(one: Candidate, other: Candidate) -> bool:
    """One removes a node that the other computes with."""
    return bool(one.dying & other.costly or other.dying & one.costly)


def beats(one: Candidate, other: Candidate) -> bool:
    """Of two at one place: more nodes, then fewer redefined values, then `prefer`."""
    if one.costly != other.costly:
        return one.costly > other.costly
    if len(one.replaced) != len(other.replaced):
        return len(one.replaced) < len(other.replaced)
    return other.pattern.name in one.pattern.over


def objections(candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> Iterator[str]:
    for at, one in enumerate(chosen):
        for other in chosen[at + 1 :]:
            if competes(one, other):
                yield f"chosen together: {_text(one)} and {_text(other)}"
        for other in candidates:
            blocked = any(competes(other, third) for third in chosen if third is not one)
            if other is not one and competes(one, other) and beats(other, one) and not blocked:
                yield f"{_text(one)} chosen, though {_text(other)} beats it"
    free = [
        one for one in candidates if one not in chosen and not any(competes(one, each) for each in chosen)
    ]
    waiting = [one for one in free if _later(one, chosen)]
    for left in free:
        if left not in waiting and not any(competes(left, one) for one in waiting):
            yield f"{_text(left)} left out, though nothing competes with it"


def _later(left: Candidate, chosen: Sequence[Candidate]) -> bool:
    """It reads or makes what another match replaces: it is found again once that one is written."""
    return any(left.reads & one.replaced or one.reads & left.replaced for one in chosen)


def _text(one: Candidate) -> str:
    return f"{one.pattern.full_name} at {sorted(one.costly)}"
