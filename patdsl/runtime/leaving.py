"""What a rewrite leaves dead.

In: the matched nodes, the holders whose uses move, the new nodes. Out: which nodes go, or why the rewrite must not be
done: a matched node would stay, or a use would come before its definition. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from patdsl.runtime.torch_api import Node


class Leaving:
    """Which nodes go when the uses of `redirected` are moved to new nodes. `dead` are as good as gone."""

    def __init__(
        self,
        dying: Iterable[Node],
        redirected: Iterable[Node],
        added: Iterable[Node],
        is_free: Callable[[Node], bool],
        dead: AbstractSet[Node],
    ) -> None:
        self._dying = dict.fromkeys(dying)
        self._moved = dict.fromkeys(redirected)
        self._new = frozenset(added)
        self._is_free = is_free
        self._dead = dead
        self._answers: dict[Node, bool] = {}

    def goes(self, node: Node) -> bool:
        """Whether the node is dead after the rewrite: it may go, and so do all that still read it."""
        if node in self._dead:
            return True
        answer = self._answers.get(node)
        if answer is None:
            may = node not in self._new and (node in self._dying or self._is_free(node))
            stay = [user for user in node.users if node not in self._moved or user in self._new]
            answer = self._answers[node] = may and all(map(self.goes, stay))
        return answer

    def refusal(self, before: Node) -> str | None:
        """Why the rewrite must not be done: a matched node would stay, or a use would come before its definition."""
        for node in self._dying:
            if not self.goes(node):
                readers = ", ".join(user.name for user in node.users if not self.goes(user)) or "a new node"
                return f"{node.name} would stay alive: {readers} reads it"
        for holder in self._moved:
            self.goes(holder)
            for user in holder.users:
                if user not in self._new and user < before and not self.goes(user):
                    return f"{user.name} reads {holder.name} in front of {before.name}, where the replacement stands"
        return None

    def going(self) -> list[Node]:
        """The nodes that were found to go."""
        return [node for node, goes in self._answers.items() if goes]
