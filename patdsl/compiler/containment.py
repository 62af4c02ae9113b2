"""Which pattern claims a place that several could: order, and what can never be decided or never happen.

In: planned patterns and passes. Out: each pass's patterns, larger ones first; findings: two patterns that claim the
same nodes with nothing to choose between them, one that another always beats, one whose ops an earlier pass takes. The
order is for the reader: at a match the rules decide, never the file. `rivals.py` says which are worth comparing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from patdsl.compiler.ast_to_graph import Unit
from patdsl.compiler.embedding import embeds, may_coincide
from patdsl.compiler.imports import LoadedFile
from patdsl.compiler.rivals import MOST_COMPARED, Budget, PassOrder, Takers, costly_ops, pairs_alike
from patdsl.diagnostic import Note
from patdsl.graph import PassSpec, Pattern
from patdsl.op_table import Op

#: One pattern's rivals are reported up to this number: mending these mends the others, or shows them.
MOST_REPORTED = 3


def order(patterns: Sequence[Pattern], ops: Mapping[str, Op]) -> tuple[Pattern, ...]:
    """Patterns with more costly ops first, then by name."""
    return tuple(sorted(patterns, key=lambda one: (-len(costly_ops(one, ops)), one.name, one.variant)))


def check_passes(unit: Unit, loaded: LoadedFile) -> None:
    """Findings go to the diagnostics of the file that declares the passes."""
    budget = Budget()
    for spec in unit.passes:
        reported: dict[str, int] = {}
        for one, other in pairs_alike(spec.patterns, unit.table, budget):
            if max(reported.get(one.name, 0), reported.get(other.name, 0)) >= MOST_REPORTED:
                continue
            if _check_pair(one, other, spec, unit, loaded):
                for name in (one.name, other.name):
                    reported[name] = reported.get(name, 0) + 1
    _check_starvation(unit, loaded, budget)
    if budget.is_spent:
        loaded.diagnostics.add(
            "PAT407",
            None,
            f"{MOST_COMPARED:,} pairs of patterns of `{loaded.source.file_name}` were compared, the others were not: "
            "too many patterns are made of the same ops",
            help="split the file into several",
            severity="warning",
        )


def _check_pair(one: Pattern, other: Pattern, spec: PassSpec, unit: Unit, loaded: LoadedFile) -> bool:
    """Whether the two were found to be at odds."""
    if not may_coincide(one, other, unit.table):
        return False
    winner = one if other.name in one.over else other if one.name in other.over else None
    first, second = sorted((one, other), key=lambda pattern: pattern.name)
    if winner is None:
        special, general = (second, first) if embeds(first, second, unit.table) else (first, second)
        loaded.diagnostics.add(
            "PAT404",
            unit.decls[second.name].name.span,
            f"in pass `{spec.name}`, `{first.full_name}` and `{second.full_name}` can match the same ops, "
            "and nothing says which one should",
            notes=[Note(f"`{first.name}` is declared here", unit.decls[first.name].name.span)],
            help=f"add to one of them: prefer {special.name} over {general.name}; "
            "or a `where` that tells them apart",
        )
        return True
    loser = other if winner is one else one
    if not embeds(winner, loser, unit.table) or winner.where:
        return False
    loaded.diagnostics.add(
        "PAT403",
        unit.decls[loser.name].name.span,
        f"`{loser.full_name}` never fires in pass `{spec.name}`: `{winner.full_name}` matches wherever "
        "it does, and is preferred",
        notes=[Note("the preferred pattern", unit.decls[winner.name].name.span)],
        help=f"remove it, or say the opposite: prefer {loser.name} over {winner.name}",
        severity="warning",
    )
    return True


def _check_starvation(unit: Unit, loaded: LoadedFile, budget: Budget) -> None:
    """One finding for a pattern that an earlier pass starves: the first taker in the order of the passes."""
    takers = Takers(unit.passes, unit.table)
    runs = PassOrder(unit.passes)
    for position, later in enumerate(unit.passes):
        for loser in later.patterns:
            for at, taker in takers.of(loser, position, runs, budget):
                if embeds(taker, loser, unit.table):
                    _starved(taker, unit.passes[at], loser, later, unit, loaded)
                    break


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
