"""Decides whether a place where the left side holds is a match: rules 2, 4 and 5 and the clauses `keep` and
`only`.

In: a pattern and a `Placed`. Out: a `Match`, or a `Refusal` that says which rule and why. Rule 1 is the join's,
rule 3 is `maximal.py`'s.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import attrs

from patdsl.graph import Pattern, RightStep
from patdsl.match.blocks import Placed
from patdsl.match.found import Match, Refusal, Replaced, Value
from patdsl.match.liveness import Liveness
from patdsl.match.placement import Barriers, Moved, lost_effect, written_in_common
from patdsl.match.sites import Sites
from patdsl.match.typed import RefusedError, Right, demand_conditions, type_right
from patdsl.op_table import Effect, Step


@attrs.frozen
class Judge:
    """Judges places in one graph."""

    sites: Sites
    barriers: Barriers
    #: Pattern and likeness of a place -> why the pattern's conditions do not hold there; None: they do.
    _conditions: dict[Hashable, str | None] = attrs.Factory(dict)
    _likeness: dict[Placed, Hashable] = attrs.Factory(dict)

    def judge(self, pattern: Pattern, place: Placed) -> Match[Any] | Refusal[Any]:
        """The match, with the right side typed, or the first rule that it breaks."""
        view = self.sites.view
        nodes = sorted(place.solution.nodes, key=view.position)
        at = nodes[0] if nodes else view.nodes[0]
        try:
            self._not_its_own(pattern, nodes)
            self._meets(pattern, place)
            right = type_right(self.sites, pattern, place)
            kept = self._kept(pattern, place)
            dying = frozenset(nodes) - kept
            replaced = frozenset(each.old.key for each in right.replaced)
            live = Liveness(self.sites.values, dying, replaced, right.reads)
            self._all_die(nodes, dying, live)
            self._only(pattern, place, live)
            before = self._placed(pattern, place, right, dying, live)
        except RefusedError as refused:
            return Refusal(pattern, at, refused.rule, refused.reason)
        return Match(
            pattern,
            place.names,
            place.branches,
            place.sites,
            tuple(node for node in nodes if node in dying),
            before,
            len({each.old.key for each in right.replaced if each.replace.left}),
            right.calls,
            right.replaced,
        )

    def _not_its_own(self, pattern: Pattern, nodes: list[Any]) -> None:
        for node in nodes:
            if pattern.full_name in self.sites.view.made_by(node):
                raise RefusedError("sound", f"'{self.sites.view.name(node)}' was made by this pattern")

    def _meets(self, pattern: Pattern, place: Placed) -> None:
        """The pattern's conditions, each judged once for all places that are alike."""
        if not pattern.where:
            return
        if place not in self._likeness:
            self._likeness[place] = (*place.names, self.sites.values.likeness(place.names.values()))
        alike = (id(pattern), self._likeness[place])
        if alike not in self._conditions:
            self._conditions[alike] = None
            try:
                demand_conditions(self.sites, pattern, place)
            except RefusedError as refused:
                self._conditions[alike] = refused.reason
        reason = self._conditions[alike]
        if reason is not None:
            raise RefusedError("where", reason)

    def _kept(self, pattern: Pattern, place: Placed) -> frozenset[Any]:
        """Costly nodes that produce a `keep` value."""
        kept: set[Any] = set()
        for step in pattern.left.steps:
            if isinstance(step, Step) and any(name in pattern.keep for _, name in step.results):
                results = {name: result for result, name in step.results}
                names = [name for name in pattern.keep if name in results]
                bound = [place.names, *place.branches.get(step.fan_out or "", ())]
                for scope in bound:
                    values = [scope[name] for name in names if isinstance(scope.get(name), Value)]
                    for site in place.sites:
                        if site.op.name == step.op and any(
                            value in site.results.values() for value in values
                        ):
                            kept.update(site.nodes)
        return frozenset(kept)

    def _all_die(self, nodes: list[Any], dying: frozenset[Any], live: Liveness) -> None:
        if not dying:
            raise RefusedError("profit", "no op with a cost would go")
        name = self.sites.view.name
        for node in nodes:
            if node not in dying:
                continue
            keeper = live.keeper(node)
            if keeper is None:
                continue
            if keeper == node or self.sites.values.is_free(keeper):
                raise RefusedError("profit", f"'{name(node)}' would stay: the right side reads it")
            what = (
                "is returned from the graph"
                if self.sites.view.is_output(keeper)
                else f"is read by '{name(keeper)}'"
            )
            raise RefusedError("profit", f"'{name(node)}' would stay: its value {what}")

    def _only(self, pattern: Pattern, place: Placed, live: Liveness) -> None:
        """`only k -> op.param`: nobody else may see the value after the rewrite."""
        for only in pattern.only:
            for names in (place.names, *(branch for each in place.branches.values() for branch in each)):
                value = names.get(only.value)
                if not isinstance(value, Value):
                    continue
                allowed = {
                    node
                    for member in self.sites.values.members(value)
                    for site in self.sites.using(only.op, member)
                    if isinstance(site.args.get(only.param), Value) and site.args[only.param] == member
                    for node in site.nodes
                }
                self._seen_only_by(
                    allowed, value, live, f"'{only.value}', which only {only.op}.{only.param} may see"
                )

    def _seen_only_by(self, allowed: set[Any], value: Value[Any], live: Liveness, what: str) -> None:
        pending = list(value.holders)
        seen = set(pending)
        while pending:
            for user in self.sites.view.users(pending.pop()):
                if user in allowed or user in live.dying or user in seen:
                    continue
                if not self.sites.values.is_free(user) or self.sites.view.is_output(user):
                    raise RefusedError("sound", f"'{self.sites.view.name(user)}' sees {what}")
                seen.add(user)
                pending.append(user)

    def _placed(
        self, pattern: Pattern, place: Placed, right: Right, dying: frozenset[Any], live: Liveness
    ) -> Any:
        left_effects = {effect.name: effect for site in place.sites for effect in site.op.effects}
        right_effects = self._right_effects(pattern)
        lost = lost_effect(left_effects, right_effects)
        if lost is not None:
            raise RefusedError("sound", f"the right side has not the effect '{lost}' of the left side")
        shared = written_in_common(self.sites.view, right.replaced)
        if shared is not None:
            raise RefusedError("sound", shared)
        moved = Moved(self.barriers, place.sites, dying, right.reads, right_effects)
        before, reason = moved.place(self._users(right.replaced, live))
        if reason is not None:
            raise RefusedError("sound", reason)
        return before

    def _right_effects(self, pattern: Pattern) -> tuple[Effect, ...]:
        found: list[Effect] = []
        for step in pattern.right:
            op = self.sites.op(step.op) if isinstance(step, RightStep) else None
            found.extend(op.effects if op is not None else ())
        return tuple(found)

    def _users(self, replaced: tuple[Replaced[Any], ...], live: Liveness) -> list[Any]:
        return [user for each in replaced for user in live.outside_users(each.old)]
