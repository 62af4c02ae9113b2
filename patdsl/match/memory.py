"""Which values of a graph lie in the same memory, and what calls write.

In: a view that says what a node calls, and with which operands. Out: the part of `GraphView` that is the same for every
form of graph.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Generic

from patdsl.match.layout import MAY_ALIAS
from patdsl.match.protocol import Call, Handle, N
from patdsl.match.schema import Schema, handles


class Memory(ABC, Generic[N]):
    """The memory of one graph's values. See `GraphView` for the methods."""

    def __init__(self) -> None:
        self._storages: dict[N, Hashable] = {}

    @abstractmethod
    def plain_schema(self, node: N) -> Schema | None:
        """The schema of the op that a node calls as it stands: None in a functional form, and where it is not known."""

    @abstractmethod
    def call(self, node: N) -> Call | None: ...

    @abstractmethod
    def getitem(self, node: N) -> tuple[N, int] | None: ...

    def is_pure(self, node: N) -> bool:
        schema = self.plain_schema(node)
        return schema is not None and schema.pure

    def mutates(self, node: N) -> Sequence[N]:
        schema = self.plain_schema(node)
        call = self.call(node) if schema is not None and schema.written else None
        if schema is None or call is None:
            return ()
        return [each for arg in call.arguments if arg.name in schema.written for each in handles(arg.value)]

    def storage(self, node: N) -> Hashable:
        chain = []
        here = node
        while here not in self._storages:
            chain.append(here)
            source = self._shares_with(here)
            if source is None:
                self._storages[here] = here
                break
            here = source
        found = self._storages[here]
        for each in chain:
            self._storages[each] = found
        return found

    def _shares_with(self, node: N) -> N | None:
        taken = self.getitem(node)
        if taken is not None:
            return taken[0]
        schema = self.plain_schema(node)
        if schema is None:
            return None
        at = 0 if schema.target in MAY_ALIAS else schema.aliases
        call = self.call(node) if at is not None else None
        if call is None or at is None or at >= len(call.arguments):
            return None
        value = call.arguments[at].value
        return value.node if isinstance(value, Handle) else None
