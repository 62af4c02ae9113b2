"""Which pattern claims a place that several could: order, and what can never be decided or never happen.

In: planned patterns and passes. Out: each pass's patterns, larger ones first; findings: two patterns that claim the same
nodes with nothing to choose between them, one that another always beats, one whose ops an earlier pass takes. The order is
for the reader: at a match the rules decide, never the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from patdsl.ast_to_graph import Unit
from patdsl.diagnostic import Note
from patdsl.embedding import embeds, may_coincide
from patdsl.graph import PassSpec, Pattern
from patdsl.imports import LoadedFile
from patdsl.op_table import Op, Step


def order(patterns: Sequence[Pattern], ops: Mapping[str, Op]) -> tuple[Pattern, ...]:
    """Patterns with more costly ops first, then by name."""
    return tuple(sorted(patterns, key=lambda one: (-len(_costly(one, ops)), one.name, one.variant)))


def _costly(pattern: Pattern, ops: Mapping[str, Op]) -> list[Step]:
    return [step for step in pattern.left.steps if isinstance(step, Step) and not ops[step.op].free]


def check_passes(unit: Unit, loaded: LoadedFile) -> None:
    """Findings go to the diagnostics of the file that declares the passes."""
    for spec in unit.passes:
        for one, other in combinations(spec.patterns, 2):
            if one.name != other.name:
                _check_pair(one, other, spec, unit, loaded)
    for earlier, later in _in_order(unit.passes):
        for taker in earlier.patterns:
            for loser in later.patterns:
                if taker.name != loser.name and embeds(taker, loser, unit.table):
                    _starved(taker, earlier, loser, later, unit, loaded)


def _check_pair(one: Pattern, other: Pattern, spec: PassSpec, unit: Unit, loaded: LoadedFile) -> None:
    if not may_coincide(one, other, unit.table):
        return
    if len(one.replaces) != len(other.replaces):
        return  # where both match, the one that redefines fewer values wins
    winner = one if other.name in one.over else other if one.name in other.over else None
    first, second = sorted((one, other), key=lambda pattern: pattern.name)
    if winner is None:
        loaded.diagnostics.add(
            "PAT404",
            unit.decls[second.name].name.span,
            f"in pass `{spec.name}`, `{first.full_name}` and `{second.full_name}` can match the same ops, "
            "and nothing says which one should",
            notes=[Note(f"`{first.name}` is declared here", unit.decls[first.name].name.span)],
            help=f"add to one of them: prefer {first.name} over {second.name}; "
            "or a `where` that tells them apart",
        )
        return
    loser = other if winner is one else one
    if embeds(winner, loser, unit.table) and not winner.where:
        loaded.diagnostics.add(
            "PAT403",
            unit.decls[loser.name].name.span,
            f"`{loser.full_name}` never fires in pass `{spec.name}`: `{winner.full_name}` matches wherever "
            "it does, and is preferred",
            notes=[Note("the preferred pattern", unit.decls[winner.name].name.span)],
            severity="warning",
        )


def _in_order(passes: Sequence[PassSpec]) -> Iterator[tuple[PassSpec, PassSpec]]:
    """Pairs of passes of which the first is known to run before the second: by `after`, directly or not."""
    after = {spec.name: set(spec.after) for spec in passes}
    for _ in passes:
        for names in after.values():
            names |= {name for known in list(names) for name in after.get(known, ())}
    for index, spec in enumerate(passes):
        for other_index, other in enumerate(passes):
            declared = spec.name in after[other.name]
            in_file = index < other_index and other.name not in after[spec.name]
            if spec is not other and (declared or in_file):
                yield spec, other


def _starved(
    taker: Pattern, earlier: PassSpec, loser: Pattern, later: PassSpec, unit: Unit, loaded: LoadedFile
) -> None:
    loaded.diagnostics.add(
        "PAT405",
        unit.decls[loser.name].name.span,
        f"`{loser.full_name}` of pass `{later.name}` is starved: `{taker.full_name}` of pass `{earlier.name}`, "
        "which runs before it, takes ops that it needs",
        notes=[Note("the pattern that takes them", unit.decls[taker.name].name.span)],
        help=f"put both into one pass, where the larger match wins, or run `{earlier.name}` after `{later.name}`",
        severity="warning",
    )
