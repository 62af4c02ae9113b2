"""Values of a graph: what a node computes, named so that equal things have equal names.

In: a `GraphView`. Out: `Value`s. A getitem is folded into its source; equal calls of free ops on equal values are one
value; ops that only reshape are the same elements seen with other dims, so a value is a *root* (computed by
something else) or a view of a root with given dims, and all views of a root are its *family*. A view back to
the root's own type is the root. Computes nothing before it is asked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import attrs

from patdsl.dtypes import Dtype
from patdsl.match.aten_forms import canonical
from patdsl.match.found import TensorMeta, Value
from patdsl.match.layout import (
    ALWAYS_FREE,
    RESHAPES,
    SAME_IF_TYPE_IS,
    changes_nothing,
    contiguous_strides,
    is_contiguous,
    numel,
    same_number,
    same_numbers,
)
from patdsl.match.protocol import Call, GraphView, Handle, Window

N = TypeVar("N", bound=Hashable)


@attrs.define(eq=False)
class Values(Generic[N]):
    """The values of one graph. `free` are targets of declared ops that cost nothing, beside the built-in ones."""

    view: GraphView[N]
    known: Callable[[Any], Any]
    free: frozenset[str] = frozenset()
    #: Roots that are known only through a window of a functionalized call.
    windowed: set[Hashable] = attrs.Factory(set)
    _keys: dict[N, Hashable] = attrs.Factory(dict)
    _values: dict[Hashable, Value[N]] = attrs.Factory(dict)
    _roots: dict[Hashable, tuple[N, int | None]] = attrs.Factory(dict)
    _families: dict[Hashable, dict[Hashable, list[N]]] = attrs.Factory(dict)
    _numbers: dict[Hashable, int] = attrs.Factory(dict)
    _calls: dict[N, Call | None] = attrs.Factory(dict)
    _is_free: dict[N, bool] = attrs.Factory(dict)
    _written: dict[Hashable, list[int]] | None = None
    _types: dict[Hashable, int] = attrs.Factory(dict)
    _type_of: dict[Hashable, int] = attrs.Factory(dict)

    # what a node is

    def is_free(self, node: N) -> bool:
        """Whether the node costs nothing: a layout op, getitem, a buffer, a number, a declared free op."""
        found = self._is_free.get(node)
        if found is None:
            found = self._is_free[node] = self._decide_free(node)
        return found

    def _decide_free(self, node: N) -> bool:
        if self.view.getitem(node) is not None or self.view.is_scalar(node):
            return True
        target = self.view.target(node)
        if target is None:
            return False
        if target in ALWAYS_FREE or target in self.free:
            return True
        return target in SAME_IF_TYPE_IS and self._source_if_unchanged(node) is not None

    def call(self, node: N) -> Call | None:
        """The node's call in its canonical form."""
        if node not in self._calls:
            call = self.view.call(node)
            first = call.arguments[0].value if call is not None and call.arguments else None
            if isinstance(first, tuple) and first:
                first = first[0]
            meta = self.view.meta(first.node) if isinstance(first, Handle) and first.window is None else None
            self._calls[node] = call and canonical(call, meta.dims if meta else None, self.known)
        return self._calls[node]

    def _first_operand(self, node: N) -> N | None:
        call = self.view.call(node)
        if call is None or not call.arguments:
            return None
        first = call.arguments[0].value
        return first.node if isinstance(first, Handle) and first.window is None else None

    def _source_if_unchanged(self, node: N) -> N | None:
        source = self._first_operand(node)
        if source is None:
            return None
        return source if changes_nothing(self.view.meta(source), self.view.meta(node), self.known) else None

    # keys

    def key(self, node: N) -> Hashable:
        """The key of the value that the node holds."""
        pending = [node]
        while pending:
            here = pending[-1]
            missing = [each for each in self._reads(here) if each not in self._keys]
            if missing and here not in self._keys:
                pending.extend(missing)
                continue
            pending.pop()
            if here not in self._keys:
                self._keys[here] = self._compute_key(here)
        return self._keys[node]

    def _reads(self, node: N) -> Iterable[N]:
        """The nodes whose keys the key of this one is made of."""
        taken = self.view.getitem(node)
        if taken is not None:
            return self._reads(taken[0]) if self.view.getitem(taken[0]) is None else ()
        source = self._looks_through(node)
        if source is not None:
            return (source,)
        return self.view.inputs(node) if self._merges(node) else ()

    def _merges(self, node: N) -> bool:
        target = self.view.target(node)
        return (
            target is not None and (target in ALWAYS_FREE or target in self.free) and self.view.is_pure(node)
        )

    def _looks_through(self, node: N) -> N | None:
        """The node whose elements this one holds, where it only reshapes or changes nothing."""
        if self.view.getitem(node) is not None:
            return None
        target = self.view.target(node)
        if target in RESHAPES:
            return self._first_operand(node)
        return self._source_if_unchanged(node) if target in SAME_IF_TYPE_IS else None

    def _compute_key(self, node: N) -> Hashable:
        source = self._looks_through(node)
        if source is not None:
            meta = self.view.meta(node)
            if meta is not None and self.view.meta(source) is not None:
                root = self.root_key(self._keys[source])
                return self._view_key(root, meta)
        taken = self.view.getitem(node)
        if taken is not None:
            return self._root(self._call_key(taken[0]), taken[0], taken[1])
        return self._root(self._call_key(node), node, None)

    def _root(self, call_key: Hashable, node: N, index: int | None) -> Hashable:
        key = ("value", call_key, index)
        self._roots.setdefault(key, (node, index))
        return key

    def _view_key(self, root: Hashable, meta: TensorMeta) -> Hashable:
        own = self.root_meta(root)
        if own is not None and changes_nothing(own, meta, self.known):
            return root
        strides = None if meta.strides is None else tuple(map(self._frozen, meta.strides))
        return ("view", root, tuple(map(self._frozen, meta.dims)), strides)

    def _call_key(self, node: N) -> Hashable:
        """Equal for equal calls of free pure ops; else the node itself."""
        if not self._merges(node):
            return node
        call = self.call(node)
        if call is None or call.after or self.view.storage(node) in self._writes():
            return node
        parts = (call.target, *(self._operand_key(argument.value, node) for argument in call.arguments))
        return ("free", self._numbers.setdefault(parts, len(self._numbers)))

    def _operand_key(self, value: Any, user: N) -> Hashable:
        if isinstance(value, Handle):
            return ("handle", self.key(value.node), self.epoch(value.node, user), value.window)
        if isinstance(value, tuple):
            return tuple(self._operand_key(item, user) for item in value)
        return self._frozen(value)

    def _frozen(self, value: Any) -> Hashable:
        """A key for a plain value: numbers of different types differ, floats by their bits."""
        if isinstance(value, float):
            return ("float", value.hex())
        if value is None or isinstance(value, (bool, int, str, Dtype)):
            return (type(value).__name__, value)
        return self.view.scalar_key(value)

    # memory

    def _writes(self) -> dict[Hashable, list[int]]:
        """Storage -> positions of the nodes that write it in the graph."""
        if self._written is None:
            self._written = {}
            for node in self.view.writers:
                for target in self.view.mutates(node):
                    self._written.setdefault(self.view.storage(target), []).append(self.view.position(node))
        return self._written

    def epoch(self, node: N, at: N) -> int:
        """How often the node's memory was written before `at`."""
        writes = self._writes()
        if not writes:
            return 0
        return bisect_left(writes.get(self.view.storage(node), []), self.view.position(at))

    # values

    def root_key(self, key: Hashable) -> Hashable:
        return key[1] if isinstance(key, tuple) and key[0] == "view" else key

    def root_meta(self, root: Hashable) -> TensorMeta | None:
        node, index = self._roots[root]
        return self.view.meta(node, index)

    def root(self, value: Value[N]) -> Value[N]:
        """The value that this one is a view of, or itself."""
        root = self.root_key(value.key)
        return value if root == value.key else self._value(root)

    def of(self, node: N) -> Value[N]:
        """The value that the node holds."""
        return self._value(self.key(node))

    def output(self, node: N, index: int | None) -> Value[N]:
        """Output `index` of a node (None: the node itself), whether or not anything holds it."""
        if index is None:
            return self.of(node)
        return self._value(self._root(self._call_key(node), node, index))

    def seen(self, handle: Handle[N], of: Value[N] | None = None) -> Value[N] | None:
        """The value of an operand. With a window it is a view of the base (or of `of`, the base afterwards) if
        it is all of it in its order; else None, since no value of the graph is a part of a buffer.
        """
        base = self.of(handle.node) if of is None else of
        if handle.window is None:
            return base
        return self._through_window(base, handle.window)

    def _through_window(self, base: Value[N], window: Window) -> Value[N] | None:
        meta = base.meta
        if meta is None or not same_number(window.offset, 0, self.known):
            return None
        dense = same_numbers(window.strides, contiguous_strides(window.dims), self.known)
        if not dense or is_contiguous(meta, self.known) is not True:
            return None
        if not same_number(numel(window.dims), numel(meta.dims), self.known):
            return None
        seen = attrs.evolve(meta, dims=window.dims, strides=window.strides)
        root = self.root_key(base.key)
        key = self._view_key(root, seen)
        if key == base.key:
            return base
        self.windowed.add(root)
        holders = self.family(root).get(key)
        if holders:
            return self._value(key)
        return Value(base.producer, base.index, base.holders, seen, key, viewed=True)

    def _value(self, key: Hashable) -> Value[N]:
        found = self._values.get(key)
        if found is None:
            root = self.root_key(key)
            node, index = self._roots[root]
            holders = tuple(self.family(root).get(key, ()))
            meta = self.view.meta(holders[0]) if holders else self.view.meta(node, index)
            found = self._values[key] = Value(node, index, holders, meta, key)
        return found

    def family(self, root: Hashable) -> dict[Hashable, list[N]]:
        """Every view of a root that some node holds, the root among them: key -> holders in graph order."""
        found = self._families.get(root)
        if found is None:
            found = {}
            pending = list(self._root_holders(root))
            seen = set(pending)
            while pending:
                node = pending.pop()
                found.setdefault(self.key(node), []).append(node)
                for user in self.view.users(node):
                    if user not in seen and self._looks_through(user) == node:
                        seen.add(user)
                        pending.append(user)
            for holders in found.values():
                holders.sort(key=self.view.position)
            self._families[root] = found
        return found

    def _root_holders(self, root: Hashable) -> Iterator[N]:
        node, index = self._roots[root]
        for each in self._equal_calls(node):
            if index is None:
                yield each
                continue
            for user in self.view.users(each):
                taken = self.view.getitem(user)
                if taken is not None and taken[0] == each and taken[1] == index:
                    yield user

    def _equal_calls(self, node: N) -> Iterable[N]:
        """The nodes whose call is equal to this one's: itself unless it is free."""
        key = self._call_key(node)
        target = self.view.target(node)
        if key == node or target is None:
            return (node,)
        operand = self._first_operand(node)
        if operand is None:
            others: Iterable[N] = self.view.by_target(target)
        else:
            of_operand = self._value(self.key(operand)).holders
            others = dict.fromkeys(user for holder in of_operand for user in self.view.users(holder))
        return [
            other for other in others if self.view.target(other) == target and self._call_key(other) == key
        ]

    # what is alike

    def likeness(self, operands: Iterable[Any]) -> Hashable:
        """Equal for operands that no declaration tells apart: equal types and plain values, and where one value stands
        twice it does so in both. The layers of a model are alike, so that what is worked out for one serves all.
        """
        places: dict[Hashable, int] = {}
        return tuple([self._like(operand, places) for operand in operands])

    def _like(self, operand: Any, places: dict[Hashable, int]) -> Hashable:
        if isinstance(operand, Value):
            return ("tensor", places.setdefault(operand.key, len(places)), self._type_number(operand))
        if isinstance(operand, tuple):
            return ("list", *(self._like(item, places) for item in operand))
        return self._frozen(operand)

    def _type_number(self, value: Value[N]) -> int:
        """Equal for values of equal types."""
        found = self._type_of.get(value.key)
        if found is None:
            meta = value.meta
            parts = meta and (
                meta.dtype,
                meta.device,
                self._like(meta.dims, {}),
                self._like(meta.strides, {}),
            )
            found = self._type_of[value.key] = self._types.setdefault(parts, len(self._types))
        return found

    def members(self, value: Value[N]) -> list[Value[N]]:
        """The value, its root, and every view of the root that some node holds."""
        root = self.root_key(value.key)
        keys = dict.fromkeys([value.key, root, *self.family(root)])
        return [value if key == value.key else self._value(key) for key in keys]

    def keeps_last_dim(self, one: Value[N], other: Value[N]) -> bool:
        """Both known to have the same last dim."""
        if one.meta is None or other.meta is None or not one.meta.dims or not other.meta.dims:
            return False
        return same_number(one.meta.dims[-1], other.meta.dims[-1], self.known)
