"""A resolved unit to its plan: types proven, example inputs made, patterns ordered.

In: `Unit`. Out: the same with examples in every pattern and each pass's patterns in the order in which they claim a
place. Reports what cannot be proven, and patterns that shadow, starve or contradict each other. Writes no text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.compiler.containment import check_passes, order
from patdsl.compiler.example_inputs import example_inputs
from patdsl.compiler.imports import LoadedFile
from patdsl.compiler.prove import disproof_text, prove
from patdsl.diagnostic import Diagnostics, Note
from patdsl.graph import PassSpec, Pattern
from patdsl.op_table import Op


def plan(unit: Unit, loaded: LoadedFile, *, proofs: bool = True) -> Unit:
    """Findings go to the diagnostics of the file that declares the pattern. Without `proofs` the patterns are put in
    order, and neither proven nor given examples."""
    if not proofs:
        ordered = (attrs.evolve(spec, patterns=order(spec.patterns, spec.ops)) for spec in unit.passes)
        return attrs.evolve(unit, passes=tuple(ordered))
    constants = constants_of(unit.passes)
    planned: dict[str, Pattern] = {}
    for pattern in unit.patterns:
        planned[pattern.full_name] = _plan_pattern(pattern, unit, constants, loaded.diagnostics)
    passes = []
    for spec in unit.passes:
        patterns = tuple(
            planned.get(pattern.full_name) or _plan_pattern(pattern, unit, constants, Diagnostics())
            for pattern in spec.patterns
        )
        passes.append(attrs.evolve(spec, patterns=order(patterns, spec.ops)))
    result = attrs.evolve(unit, patterns=tuple(planned.values()), passes=tuple(passes))
    check_passes(result, loaded)
    return result


def constants_of(specs: tuple[PassSpec, ...]) -> dict[str, Any]:
    """Constants as they are where no target is named, and the hosts' test values."""
    found: dict[str, Any] = {}
    for spec in specs:
        for name, values in spec.consts.items():
            found[name] = next((value.value for value in values if not value.targets), None)
        for host in spec.hosts:
            if host.params is None:
                found[host.name] = host.default
    return found


def _plan_pattern(
    pattern: Pattern, unit: Unit, constants: Mapping[str, Any], diagnostics: Diagnostics
) -> Pattern:
    proof = prove(pattern, unit.table, constants)
    decl = unit.decls[pattern.name]
    for disproof in proof.disproofs[:1]:
        diagnostics.add(
            "PAT401",
            decl.name.span,
            disproof_text(pattern, disproof),
            notes=_declarations(pattern, unit.table),
            help="give the values the same types on both sides, or say in `where` what makes them equal",
        )
    if proof.open_values:
        values = ", ".join(f"`{value}`" for value in proof.open_values)
        diagnostics.add(
            "PAT402",
            decl.name.span,
            f"the declarations do not say enough of {values} to prove that the type stays; "
            "each match checks it instead",
            severity="note",
        )
    return attrs.evolve(pattern, examples=example_inputs(pattern, unit.table, constants))


def _declarations(pattern: Pattern, table: Mapping[str, Op]) -> list[Note]:
    used = dict.fromkeys(step.op for step in pattern.right if hasattr(step, "op"))
    return [Note(f"`{name}` is declared at {table[name].place}") for name in used]
