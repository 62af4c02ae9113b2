"""The engine broken in single places, to show that the oracle's cases notice it.

In: nothing. Out: `MUTANTS`, and `broken`, under which the engine has one of them. A mutant is a function of the
engine whose text has one part replaced; the part must be there, so that a change of the engine cannot silently undo
one.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from patdsl.match import (
    bindings,
    blocks,
    fx_view,
    join,
    judge,
    liveness,
    maximal,
    placement,
    sites,
    typed,
    values,
)


@attrs.frozen
class Mutant:
    """In the function `name` of `owner`, `old` becomes `new`."""

    title: str
    owner: Any
    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return self.title


MUTANTS = tuple(
    Mutant(*each)
    for each in (
        ("two ops may be one node", join.Join, "extend", "not at.nodes.isdisjoint(site.nodes)", "False"),
        ("other users do not matter", judge.Judge, "_all_die", "if keeper is None", "if True"),
        (
            "returned values do not matter",
            liveness.Liveness,
            "_may_die",
            "not view.is_output(user) and",
            "view.is_output(user) or",
        ),
        (
            "a written value may be fused away",
            liveness.Liveness,
            "_may_die",
            "not view.mutates(user) and",
            "view.mutates(user) or",
        ),
        (
            "the right side's reads do not live",
            liveness.Liveness,
            "keeper",
            "if here in self._needed",
            "if False",
        ),
        (
            "writes on the way do not matter",
            placement.Moved,
            "_obstacle",
            "in storages for written",
            "is None for written",
        ),
        (
            "writes between ops do not matter",
            placement.Moved,
            "_written_on_the_way",
            "not view.writers",
            "True",
        ),
        (
            "what stays is not read again",
            placement.Moved,
            "_storages",
            "return (read - own) & {",
            "return set() & {",
        ),
        ("effects do not matter", placement, "_conflict", "one.name == other.name and", "False and"),
        (
            "a read passes a write",
            placement,
            "_conflict",
            "one.read_only and other.read_only",
            "one.read_only or other.read_only",
        ),
        ("inputs may come later", placement.Moved, "place", "if earliest > latest", "if False"),
        ("readers may come first", placement.Moved, "place", "(view.position(user) for user in users)", "()"),
        ("every op is commutative", sites.Sites, "_both_orders", "not op.commutative or ", ""),
        ("no op is commutative", sites.Sites, "_both_orders", "not op.commutative", "True"),
        (
            "a fan-out may be too small",
            blocks._Search,
            "_choices",
            "len(distinct) < fan_out.low",
            "not distinct",
        ),
        ("a fan-out may be too large", blocks._Search, "_choices", "len(distinct) > fan_out.high", "False"),
        ("branches need not be alike", blocks._Search, "_groups", "all(same(", "(lambda each: True)(same("),
        (
            "a view may change the last dim",
            values.Values,
            "keeps_last_dim",
            "return same_number(",
            "return True or (",
        ),
        ("view may be none", join.Join, "agrees", "seen.at_least == 0", "True"),
        ("view? must be one", join.Join, "agrees", "seen.at_least == 0", "False"),
        (
            "a value is any view of it",
            join.Join,
            "bind",
            "if not at.names.bind(name, actual)",
            "if not at.names.bind(name, at.names.bound.get(name, actual))",
        ),
        ("equal names, other values", bindings.Names, "bind", "return same(", "return True or ("),
        (
            "a literal is any number",
            join.Join,
            "operand",
            "at.names.fit(operand.value, actual) is None",
            "True",
        ),
        ("a set is any number", join.Join, "_one_of", "if same(value, actual, known)", "if True"),
        ("conditions do not matter", typed.RightTyping, "demand", "if held is True", "if True"),
        (
            "what the right side takes does not matter",
            typed.RightTyping,
            "_fit",
            "if reason is not None",
            "if False",
        ),
        ("keep is not read", judge.Judge, "_kept", "name in pattern.keep for", "False for"),
        (
            "the smaller wins",
            maximal,
            "_beats",
            "return one.costly > other.costly",
            "return one.costly < other.costly",
        ),
        (
            "the one that redefines more wins",
            maximal,
            "_beats",
            "one.match.redefines < other",
            "one.match.redefines > other",
        ),
        (
            "prefer is not read",
            maximal,
            "_beats",
            "return other.match.pattern.name in one.match.pattern.over",
            "return False",
        ),
        ("matches do not compete", maximal, "_rivals", "if other is not each", "if other is each"),
        ("equal free calls differ", values.Values, "_merges", "target is not None and", "False and"),
        ("free calls before and after a write are one", values.Values, "epoch", "if not writes", "if True"),
        (
            "a default left out is another call",
            fx_view,
            "normal_call",
            "argument.default, argument.has_default)",
            "None, False)",
        ),
    )
)


@contextmanager
def broken(mutant: Mutant) -> Iterator[None]:
    original = getattr(mutant.owner, mutant.name)
    text = textwrap.dedent(inspect.getsource(original))
    assert mutant.old in text, f"{mutant.name} no longer says: {mutant.old}"
    code = "from __future__ import annotations\n" + text.replace(mutant.old, mutant.new)
    made: dict[str, Any] = {}
    exec(compile(code, mutant.title, "exec"), vars(sys.modules[original.__module__]), made)  # noqa: S102
    setattr(mutant.owner, mutant.name, made[mutant.name])
    try:
        yield
    finally:
        setattr(mutant.owner, mutant.name, original)
