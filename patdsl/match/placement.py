"""Where the replacement can stand: rule 4.

In: what dies, what the right side reads, who reads the replaced values, and the effects of both sides. Out: the
node in front of which the replacement goes, or a sentence. Every matched op moves from its own place to there;
what it passes on the way must neither write memory that it reads nor have its effect, unless both only read. An op that
stays moves where the replacement reads its operands again. Nothing may write what one matched op makes before another
reads it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from patdsl.match.found import Replaced, Site, Value
from patdsl.match.protocol import GraphView
from patdsl.match.sites import Sites
from patdsl.op_table import Effect, TorchCall


@attrs.define(eq=False)
class Barriers:
    """Nodes that others may not always pass: those that write memory in the graph, and those with a declared
    effect.
    """

    sites: Sites
    _effects: dict[Any, tuple[Effect, ...]] | None = None
    _in_order: list[Any] | None = None

    def effects(self, node: Any) -> tuple[Effect, ...]:
        return self._by_node().get(node, ())

    def _by_node(self) -> dict[Any, tuple[Effect, ...]]:
        if self._effects is None:
            self._effects = {}
            for op in self.sites.context.ops.values():
                for target in (
                    {each.target for each in op.bindings if isinstance(each, TorchCall)} if op.effects else ()
                ):
                    for node in self.sites.view.by_target(target):
                        self._effects[node] = (*self._effects.get(node, ()), *op.effects)
        return self._effects

    def between(self, low: int, high: int) -> Sequence[Any]:
        """The barriers at positions from `low` to before `high`, in graph order."""
        position = self.sites.view.position
        if self._in_order is None:
            self._in_order = sorted({*self.sites.view.writers, *self._by_node()}, key=position)
        start = bisect_left(self._in_order, low, key=position)
        return self._in_order[start : bisect_left(self._in_order, high, lo=start, key=position)]


@attrs.frozen
class Moved:
    """What moves: sites of the left side, effects of the right. `nodes` are those that die."""

    barriers: Barriers
    sites: tuple[Site[Any], ...]
    nodes: frozenset[Any]
    reads: tuple[Value[Any], ...]
    right_effects: tuple[Effect, ...]

    def place(self, users: list[Any]) -> tuple[Any, str | None]:
        """The node to stand in front of, or a reason (the node is then where it would have been)."""
        view = self.barriers.sites.view
        positions = sorted(view.position(node) for node in self.nodes)
        earliest = max((view.position(self._source(value)) for value in self.reads), default=-1) + 1
        latest = min((view.position(user) for user in users), default=len(view.nodes) - 1)
        if earliest > latest:
            late = max(map(self._source, self.reads), key=view.position)
            return view.nodes[latest], (
                f"'{view.name(view.nodes[latest])}' reads a replaced value before '{view.name(late)}', which the right "
                "side takes, is computed"
            )
        wanted = min(max(positions[-1], earliest), latest)
        reason = self._written_on_the_way()
        if reason is not None:
            return view.nodes[wanted], reason
        low, high = earliest, latest
        for position, barrier, why in self._obstacles(earliest, latest):
            if barrier < position:
                low = max(low, barrier + 1)
            else:
                high = min(high, barrier)
            if not low <= wanted <= high:
                reason = reason or why
        if low > high:
            return view.nodes[wanted], reason
        return view.nodes[min(max(wanted, low), high)], None

    def _source(self, value: Value[Any]) -> Any:
        """The first node from which the value can be had: an output of an op may be taken as soon as the op has run."""
        is_root = self.barriers.sites.values.root_key(value.key) == value.key
        return value.producer if value.index is not None and is_root and not value.viewed else _holder(value)

    def _obstacles(self, earliest: int, latest: int) -> Iterator[tuple[int, int, str]]:
        """The position of something that moves to one of these, that of something it must not pass, and why not."""
        view = self.barriers.sites.view
        for site in self.sites:
            storages = self._storages(site)
            for node in _places(site):
                effects = (*site.op.effects, *self.right_effects) if node in self.nodes else ()
                position = view.position(node)
                before = self.barriers.between(earliest, position)
                for barrier in (*before, *self.barriers.between(position + 1, latest)):
                    if barrier in self.nodes:
                        continue
                    why = self._obstacle(barrier, storages, effects, view.name(node))
                    if why is not None:
                        yield position, view.position(barrier), why

    def _obstacle(
        self, barrier: Any, storages: set[Hashable], effects: Iterable[Effect], name: str
    ) -> str | None:
        """Why what has this memory and these effects must not pass the barrier."""
        view = self.barriers.sites.view
        passed = f"between '{name}' and its replacement"
        if any(view.storage(written) in storages for written in view.mutates(barrier)):
            return f"'{view.name(barrier)}' writes what '{name}' reads, {passed}"
        shared = _conflict(effects, self.barriers.effects(barrier))
        return None if shared is None else f"'{view.name(barrier)}' has the effect '{shared}', {passed}"

    def _written_on_the_way(self) -> str | None:
        """A write of what one matched op makes, before another reads it."""
        view = self.barriers.sites.view
        if not view.writers:
            return None
        for maker in self.sites:
            for node in _places(maker):
                made = view.storage(node)
                if made in self._operands(node):
                    continue  # a view: whoever reads it reads what the memory holds then
                for reader in (each for site in self.sites for each in _places(site)):
                    if made not in self._operands(reader):
                        continue
                    for barrier in view.writers:
                        between = view.position(node) < view.position(barrier) < view.position(reader)
                        written = {view.storage(each) for each in view.mutates(barrier)}
                        if between and barrier not in self.nodes and made in written:
                            names = (view.name(each) for each in (barrier, reader, node))
                            return "'{}' writes what '{}' reads of '{}'".format(*names)
        return None

    def _operands(self, node: Any) -> set[Hashable]:
        view = self.barriers.sites.view
        return {view.storage(source) for source in view.inputs(node)}

    def _storages(self, site: Site[Any]) -> set[Hashable]:
        """Memory that the move must not see written. Of an op that stays, what the replacement reads again."""
        view = self.barriers.sites.view
        nodes = _places(site)
        read = {storage for node in nodes for storage in self._operands(node)}
        own = {view.storage(node) for node in nodes}
        if self.nodes.isdisjoint(nodes):
            return (read - own) & {view.storage(_holder(value)) for value in self.reads}
        return read | own


def _places(site: Site[Any]) -> tuple[Any, ...]:
    """The nodes of a site; of a free one, those that make its results."""
    return site.nodes or tuple(dict.fromkeys(value.producer for value in site.results.values()))


def _conflict(ours: Iterable[Effect], theirs: Iterable[Effect]) -> str | None:
    for one in ours:
        for other in theirs:
            if one.name == other.name and not (one.read_only and other.read_only):
                return one.name
    return None


def _holder(value: Value[Any]) -> Any:
    return value.holders[0] if value.holders else value.producer


def written_in_common(view: GraphView[Any], replaced: Iterable[Replaced[Any]]) -> str | None:
    """A write of a value that would share its memory with another one afterwards, though it does not now."""
    if not view.writers:
        return None
    sharing: dict[Hashable, dict[Hashable, Value[Any]]] = {}
    for each in replaced:
        if not each.replace.left:
            continue  # an operand that a call left alone: it holds what it held before
        with_it = [each.old, each.new] if isinstance(each.new, Value) else [each.old]
        sharing.setdefault(each.new, {}).update((value.key, value) for value in with_it)
    for values in sharing.values():
        storages = {view.storage(_holder(value)) for value in values.values()} if len(values) > 1 else ()
        for node in view.writers:
            if any(view.storage(written) in storages for written in view.mutates(node)):
                return f"'{view.name(node)}' writes one of several values that would be one"
    return None


def lost_effect(left: Mapping[str, Effect], right: Iterable[Effect]) -> str | None:
    """An effect, not only a reading one, that the left side has and the right side does not."""
    kept = {effect.name for effect in right}
    return next((name for name, effect in left.items() if not effect.read_only and name not in kept), None)
