"""Writes matches into a graph.

In: an fx graph and matches that the engine found in it. Out: the graph with the right sides in place, or untouched with
a reason. A match is written in three steps: emit the new nodes, check them (types, order, what would stay alive), then
redirect. Only the last changes what the graph computes, so that every failure before it is undone by erasing the new
nodes. Matches of one graph state may be written one after the other: values that gave way are followed, and what is
dead stays as a landmark for later ones until `finish`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Literal

import attrs

from patdsl.match.context import Context
from patdsl.match.found import Match, Replaced, Value
from patdsl.match.fx_schema import target_name
from patdsl.match.layout import ALWAYS_FREE, RESHAPES, SAME_IF_TYPE_IS
from patdsl.runtime import torch_api
from patdsl.runtime.agree import disagreement
from patdsl.runtime.dims import DimTable
from patdsl.runtime.emit import Emitter
from patdsl.runtime.fake_results import EmitError, FakeResults
from patdsl.runtime.leaving import Leaving
from patdsl.runtime.nodes import NewNodes, take
from patdsl.runtime.torch_api import Graph, Node, is_erased
from patdsl.runtime.values import is_number, value_of

logger = logging.getLogger("patdsl")

FREE = ALWAYS_FREE | RESHAPES | SAME_IF_TYPE_IS


@attrs.frozen
class Written:
    """A match that was written: how many nodes with a cost went, and the calls that came."""

    written: ClassVar[Literal[True]] = True
    erased: int
    calls: tuple[str, ...]


@attrs.frozen
class NotWritten:
    """A match that was not written, and why. `stale`: an earlier rewrite took its nodes; look for it anew."""

    written: ClassVar[Literal[False]] = False
    reason: str
    stale: bool = False


class Rewriter:
    """Writes the matches of one look at `graph`. `context` is what they were found with."""

    def __init__(self, graph: Graph, context: Context) -> None:
        self._graph = graph
        self._context = context
        self._table = DimTable(graph)
        self._fakes = FakeResults(graph)
        self._second_form = uses_second_form(graph)
        self._free = FREE | {
            binding.target
            for op in context.ops.values()
            if op.free
            for binding in op.bindings
            if hasattr(binding, "target")
        }
        #: A holder whose uses were redirected -> the node that took its place.
        self._successors: dict[Node, Node] = {}
        self._dead: set[Node] = set()
        self._added: list[Node] = []

    def write(self, match: Match[Node]) -> Written | NotWritten:
        """Put the right side of `match` into the graph. Never raises for what a match or a fake implementation does."""
        if any(is_erased(node) or node in self._dead for node in match.dying):
            return NotWritten("an earlier rewrite took one of its nodes", stale=True)
        before = match.before
        while is_erased(before):
            before = torch_api.next_of(before)
        old = tuple(dict.fromkeys((*_producers(match), *match.dying)))
        new = NewNodes(self._graph, self._fakes, before, old, (match.pattern.full_name,))
        try:
            redirects = self._emit(match, new, before)
            leaving = Leaving(
                match.dying, [holder for holder, _ in redirects], new.added, self._is_free, self._dead
            )
            reason = leaving.refusal(before)
        except EmitError as error:
            reason = str(error)
        except Exception as error:
            # A fault here must not end the user's compilation. The graph is put back, the report and the log tell.
            logger.debug("%s at %s", match.pattern.full_name, before.name, exc_info=True)
            reason = f"{type(error).__name__}: {error}"
        if reason is not None:
            new.undo()
            return NotWritten(reason)
        self._redirect(redirects, new)
        self._dead.update(leaving.going())
        self._added.extend(new.added)
        for node in new.added:
            self._table.add(node)
        return Written(len(match.dying), tuple(_call_names(new.added)))

    def finish(self) -> None:
        """Erase what the matches left dead: their nodes, unread new ones, and free nodes that only these had read."""
        unread = (node for node in reversed(self._added) if self._is_free(node))
        pending = [*sorted(self._dead, reverse=True), *unread]
        while pending:
            freed: dict[Node, None] = {}
            for node in pending:
                if is_erased(node) or node.users:
                    continue
                inputs = node.all_input_nodes
                self._graph.erase_node(node)
                freed.update((source, None) for source in inputs if self._is_free(source))
            pending = list(freed)
        self._dead.clear()
        self._added.clear()

    def holder(self, value: Value[Node], before: Node, new: NewNodes | None = None) -> Node | None:
        """The node in front of `before` that holds `value` now. With `new`, an output that nothing takes is taken."""
        for node in value.holders:
            for candidate in (self._latest(node), node):
                if not is_erased(candidate) and candidate not in self._dead and candidate < before:
                    return candidate
        producer = value.producer
        if new is None or value.index is None or value.viewed or is_erased(producer) or not producer < before:
            return None
        return take(new, producer, value.index)

    def _latest(self, node: Node) -> Node:
        while node in self._successors:
            node = self._successors[node]
        return node

    def _emit(self, match: Match[Node], new: NewNodes, before: Node) -> list[tuple[Node, Node]]:
        """Emit the right side; pairs of a holder and the node that takes its place, of the same type."""
        emitter = Emitter(
            match,
            self._context,
            new,
            before,
            self._table,
            lambda value: self.holder(value, before, new),
            self._second_form,
        )
        redirects = []
        for replaced, node in zip(match.replaced, emitter.run(), strict=True):
            for holder in self._holders(replaced):
                fitting = emitter.fit(node, holder) if replaced.old.viewed else node
                restride = replaced.replace.left in match.pattern.restride
                reason = disagreement(value_of(holder), value_of(fitting), restride)
                if reason is not None:
                    raise EmitError(f"'{replaced.replace.left}' would change: its {reason}")
                redirects.append((holder, fitting))
        return redirects

    def _holders(self, replaced: Replaced[Node]) -> list[Node]:
        return [node for node in map(self._latest, replaced.old.holders) if not is_erased(node)]

    def _redirect(self, redirects: list[tuple[Node, Node]], new: NewNodes) -> None:
        added = frozenset(new.added)
        for holder, node in redirects:
            if holder is node:
                continue
            holder.replace_all_uses_with(node, delete_user_cb=_others(added | {node}))
            self._successors[holder] = node

    def _is_free(self, node: Node) -> bool:
        if node.op != "call_function":
            return False
        if node.target is torch_api.getitem or is_number(node):
            return True
        return isinstance(node.target, torch_api.OpOverload) and target_name(node.target) in self._free


def uses_second_form(graph: Graph) -> bool:
    """Whether ops that write are called through `auto_functionalized_v2`: as the graph does, else as torch would."""
    if graph.find_nodes(op="call_function", target=torch_api.auto_functionalized_v2, sort=False):
        return True
    if graph.find_nodes(op="call_function", target=torch_api.auto_functionalized, sort=False):
        return False
    return torch_api.prefers_v2()


def _others(nodes: AbstractSet[Node]) -> Callable[[Node], bool]:
    return lambda user: user not in nodes


def _producers(match: Match[Node]) -> list[Node]:
    """The nodes that computed the replaced values."""
    return [replaced.old.producer for replaced in match.replaced if isinstance(replaced.old.producer, Node)]


def _call_names(added: Iterable[Node]) -> list[str]:
    names = []
    for node in added:
        if not is_erased(node) and node.target in torch_api.FUNCTIONALIZED:
            inner: Any = node.args[0]
            names.append(target_name(inner))
        elif not is_erased(node) and isinstance(node.target, torch_api.OpOverload):
            names.append(target_name(node.target))
    return names
