"""What passes find in one graph alike, found once: values, sites of an op, the searches for a left side.

In: a graph, the contexts of passes. Out: `Sites` that share what cannot differ: an op is shared by passes for which it,
every op and every constant that it names, and what counts as free in this graph are equal. Two files of the library
name the same ops; to read them off a large graph is most of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import attrs

from patdsl.explain.trail import Start
from patdsl.match.context import Context
from patdsl.match.index import Indexed
from patdsl.match.native import find_native
from patdsl.match.protocol import GraphView
from patdsl.match.sites import OpSites, Sites, free_targets
from patdsl.match.values import Values
from patdsl.op_table import Op, Step


@attrs.define(eq=False)
class Shared:
    """Everything shared in one graph, by all passes of one target and process."""

    view: GraphView[Any]
    _values: dict[frozenset[str], Values[Any]] = attrs.Factory(dict)
    found: dict[Hashable, OpSites] = attrs.Factory(dict)
    starts: dict[Hashable, list[Start]] = attrs.Factory(dict)
    #: Equal ops have one number; the words of an op are every text in it.
    _numbers: dict[Op, int] = attrs.Factory(dict)
    _words: dict[int, frozenset[str]] = attrs.Factory(dict)

    def of(self, context: Context) -> PassShared:
        """What a pass shares."""
        free = free_targets(context).intersection(self.view.targets)
        if free not in self._values:
            self._values[free] = Values(self.view, context.known, free)
        return PassShared(self, context, free, self._values[free])

    def number(self, op: Op) -> int:
        return self._numbers.setdefault(op, len(self._numbers))

    def words(self, op: Op, number: int) -> frozenset[str]:
        if number not in self._words:
            self._words[number] = words_in(op)
        return self._words[number]


@attrs.define(eq=False)
class PassShared:
    """What one pass shares with others."""

    shared: Shared
    context: Context
    free: frozenset[str]
    values: Values[Any]
    _keys: dict[str, Hashable] = attrs.Factory(dict)
    _own: dict[str, int] = attrs.Factory(dict)

    def sites(self) -> Sites:
        return Sites(self.shared.view, self.context, find_native, self.values, self._found_of)

    def starts(self, entry: Indexed, search: Callable[[], list[Start]]) -> list[Start]:
        """Where the search for a left side began."""
        left = entry.resolved.left
        ops = frozenset(self._key(step.op) for step in left.steps if isinstance(step, Step))
        types = tuple(entry.types.items())
        key = (left, types, ops, self._named(words_in((left, types))), self.free)
        if key not in self.shared.starts:
            self.shared.starts[key] = search()
        return self.shared.starts[key]

    def _found_of(self, name: str) -> OpSites:
        return self.shared.found.setdefault((name, self._key(name)), OpSites())

    def _key(self, name: str) -> Hashable:
        """Equal where the sites of the op are."""
        if name not in self._keys:
            closure: dict[str, int] = {}
            words: set[str] = set()
            pending = [name]
            while pending:
                each = pending.pop()
                if each in closure or each not in self.context.ops:
                    continue
                op = self.context.ops[each]
                if each not in self._own:
                    self._own[each] = self.shared.number(op)
                closure[each] = self._own[each]
                words |= self.shared.words(op, closure[each])
                pending += words.intersection(self.context.ops)
            self._keys[name] = (frozenset(closure.items()), self._named(words), self.free)
        return self._keys[name]

    def _named(self, words: frozenset[str] | set[str]) -> Hashable:
        """The constants, host values and host functions among these words."""
        names, hosts = self.context.names, self.context.hosts
        values = ((word, type(names[word]), names[word]) for word in sorted(words & names.keys()))
        return tuple(values), tuple((word, id(hosts[word])) for word in sorted(words & hosts.keys()))


def words_in(value: Any) -> frozenset[str]:
    """Every text in a value of the compiler."""
    found: set[str] = set()
    pending = [value]
    while pending:
        here = pending.pop()
        if isinstance(here, str):
            found.add(here)
        elif isinstance(here, Mapping):
            pending += (*here.keys(), *here.values())
        elif isinstance(here, (tuple, list, frozenset)):
            pending += here
        elif attrs.has(type(here)):
            pending += (getattr(here, field.name) for field in attrs.fields(type(here)))
    return frozenset(found)
