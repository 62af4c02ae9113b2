"""What is dead once a match has been rewritten: rule 2.

In: the nodes that should die, the values that are replaced, the values that the right side reads. Out: for a
node, the user that keeps it alive, or None. A node is dead if everything that reads it is dead or reads a value
that is replaced; free nodes are followed, anything else that is not of the match is alive.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import attrs

from patdsl.match.found import Value
from patdsl.match.values import Values


@attrs.define(eq=False)
class Liveness:
    """Liveness after one rewrite."""

    values: Values[Any]
    dying: frozenset[Any]
    replaced: frozenset[Hashable]
    reads: Iterable[Value[Any]]
    _kept: dict[Any, Any] = attrs.Factory(dict)
    _needed: set[Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._needed = set()
        pending = [value.holders[0] if value.holders else value.producer for value in self.reads]
        while pending:
            node = pending.pop()
            if node in self._needed:
                continue
            self._needed.add(node)
            if self.values.is_free(node):
                pending.extend(self.values.view.inputs(node))

    def keeper(self, node: Any) -> Any:
        """What keeps a node alive: one of its users' users, the node itself where the right side reads it, or
        None.
        """
        pending = [node]
        while pending:
            here = pending[-1]
            if here in self._kept:
                pending.pop()
                continue
            if here in self._needed:
                self._kept[here] = here
                continue
            if self._redirected(here):
                self._kept[here] = None
                continue
            users = [user for user in self.values.view.users(here) if user not in self.dying]
            followed = [user for user in users if self._may_die(user)]
            missing = [user for user in followed if user not in self._kept]
            if missing:
                pending.extend(missing)
                continue
            alive = [user for user in users if user not in followed]
            alive += [self._kept[user] for user in followed if self._kept[user] is not None]
            self._kept[here] = alive[0] if alive else None
        return self._kept[node]

    def _may_die(self, user: Any) -> bool:
        view = self.values.view
        return not view.is_output(user) and not view.mutates(user) and self.values.is_free(user)

    def _redirected(self, node: Any) -> bool:
        return self.values.key(node) in self.replaced

    def outside_users(self, value: Value[Any]) -> list[Any]:
        """Who reads a value after the match and stays alive, in graph order."""
        found: dict[Any, None] = {}
        for holder in value.holders:
            for user in self.values.view.users(holder):
                if user in self.dying:
                    continue
                if self._may_die(user) and (self._dead_view(user)):
                    continue
                found[user] = None
        return sorted(found, key=self.values.view.position)

    def _dead_view(self, user: Any) -> bool:
        """A free user that nothing alive reads. A redirected one counts by its own value, unless it is only
        taken apart.
        """
        if self._redirected(user):
            return True
        return self.keeper(user) is None
