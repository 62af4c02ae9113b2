"""Tries changes of `.pat` files: whether a pattern would match at a place if its file had another text.

In: the passes with the files that they come from, a graph by the means to look at it, a `Verdict`. Out: a `Suggestion`
that was seen to work, or None. No file is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.explain.cause import Verdict
from patdsl.explain.edit import Edit
from patdsl.explain.look import Looked, look
from patdsl.explain.shared import Shared
from patdsl.explain.suggest import Suggestion, suggest
from patdsl.graph import PassSpec
from patdsl.op_table import Op
from patdsl.pipeline import run
from patdsl.runtime.resolve import Resolved


@attrs.frozen(eq=False)
class Patterns:
    """What graphs are asked about: passes in the order in which they run, and the unit that each comes from, by its
    name, where it is known."""

    passes: tuple[PassSpec, ...]
    units: Mapping[str, Unit]
    #: The file of each pass, and the folders that imports may read from.
    files: Mapping[str, Path] = attrs.Factory(dict)
    roots: tuple[Path, ...] = ()


@attrs.frozen(eq=False)
class Mender:
    """Changes for one graph: `looked` is what was found in it, `shared` gives it to passes with these ops, `resolve`
    reads a pass as its process does."""

    patterns: Patterns
    looked: Looked
    shared: Callable[[Mapping[str, Op]], Shared]
    resolve: Callable[[PassSpec], Resolved]

    def mend(self, verdict: Verdict) -> Suggestion | None:
        """The smallest change that was seen to help."""
        unit = self.patterns.units.get(verdict.pass_name)
        return None if unit is None else suggest(verdict, unit, self._holds)

    def _holds(self, verdict: Verdict, edit: Edit) -> bool:
        """Whether the pattern takes the place, and still those that it takes now, once a file has another text, and
        the text compiles without an error."""
        file = self.patterns.files[verdict.pass_name]
        changed = Path(edit.source.name).resolve()
        outcome = run([file], roots=self.patterns.roots, stop_after="plan", instead={changed: edit.text})[0]
        if outcome.errors or outcome.unit is None:
            return False
        own = verdict.pass_name.rpartition(".")[2]
        changed_spec = next((spec for spec in outcome.unit.passes if spec.name == own), None)
        if changed_spec is None:
            return False
        looked = look(
            self.shared(changed_spec.ops), {verdict.pass_name: self.resolve(_only(changed_spec, verdict))}
        )
        taken = {node for match in looked.matches for node in (match.at, *match.nodes)}
        kept = (each.at for each in self.looked.matches if _is_same(each, verdict))
        return verdict.at in taken and taken.issuperset(kept)


def _is_same(one: Verdict, other: Verdict) -> bool:
    """Whether both are of one pattern, in whichever variant."""
    return (one.pass_name, one.pattern.name) == (other.pass_name, other.pattern.name)


def _only(spec: PassSpec, verdict: Verdict) -> PassSpec:
    """The pass as it is called, with the pattern in question alone."""
    own = tuple(each for each in spec.patterns if each.name == verdict.pattern.name)
    return attrs.evolve(spec, name=verdict.pass_name, patterns=own)
