"""What the matcher asks of a graph, whatever carries it.

A carrier (`fx_view.py` for torch.fx) implements `GraphView`; nothing else of the matcher knows what a node is. Node
handles are hashable and compare by identity. Everything a carrier answers is as of the moment it was made: after a
rewrite, make a new one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import attrs

from patdsl.match.found import TensorMeta

N = TypeVar("N")


@attrs.frozen
class Window:
    """The part of a base tensor that an operand of a functionalized call is: strided as given, from `offset` on."""

    dims: tuple[Any, ...]
    strides: tuple[Any, ...]
    offset: Any


@attrs.frozen
class Handle(Generic[N]):
    """A tensor operand: the node that holds it. `window` is set where the call sees only a view of that node."""

    node: N
    window: Window | None = None


@attrs.frozen
class Argument:
    """One argument of a call, by the schema.

    `value` is a `Handle`, an int, float, bool, str, None, `Dtype`, symbolic number, or a tuple of these;
    omitted arguments have their default. `is_default` tells whether it equals the schema's default.
    """

    name: str
    value: Any
    is_default: bool


@attrs.frozen
class Call:
    """A node as a call of a torch op, in one form for all spellings.

    `returns` has for each return of the schema the node's output that holds it (None: the node itself is that value);
    for an op that returns a list, outputs are counted within the list and `returns` is `("list",)`. `after` maps
    an argument that the op mutates to the output that holds its value afterwards; it is empty for an op that
    mutates in place in the graph itself (`mutates` of the view).
    """

    target: str
    arguments: tuple[Argument, ...]
    returns: tuple[Any, ...]
    after: Mapping[str, int | None]

    def argument(self, key: int | str) -> Argument | None:
        """By position in the schema, or by name."""
        if isinstance(key, int):
            return self.arguments[key] if key < len(self.arguments) else None
        return next((argument for argument in self.arguments if argument.name == key), None)


class GraphView(Protocol[N]):
    """A graph in topological order."""

    @property
    def nodes(self) -> Sequence[N]:
        """Every node, in graph order."""

    def position(self, node: N) -> int:
        """Index of the node in `nodes`."""

    @property
    def targets(self) -> Iterable[str]:
        """Every target that `by_target` knows."""

    def by_target(self, target: str) -> Sequence[N]:
        """Nodes that call `ns::op.overload`, directly or functionalized, in graph order."""

    def target(self, node: N) -> str | None:
        """The op that the node calls, as `by_target` names it."""

    def call(self, node: N) -> Call | None:
        """The normalised call, or None where the node calls no op with a schema."""

    def given(self, node: N) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """The arguments of a call as the graph has them, by position and by name, whatever is known of its schema."""

    def getitem(self, node: N) -> tuple[N, int] | None:
        """Source and index where the node takes one output of another."""

    def users(self, node: N) -> Sequence[N]:
        """Nodes that read this one, each once."""

    def inputs(self, node: N) -> Sequence[N]:
        """Nodes that this one reads, each once."""

    def meta(self, node: N, index: int | None = None) -> TensorMeta | None:
        """Type of the node's value, or of its output `index`; None where it is no tensor or not known."""

    def output_count(self, node: N) -> int | None:
        """How many outputs the node has; None where it is one value or not known."""

    def is_scalar(self, node: N) -> bool:
        """Holds a number, not a tensor (`sym_size`)."""

    def is_output(self, node: N) -> bool:
        """The node that returns from the graph."""

    def is_pure(self, node: N) -> bool:
        """Calls an op without writes and randomness, so that two equal calls give equal values."""

    def mutates(self, node: N) -> Sequence[N]:
        """Nodes whose memory this node writes in the graph itself."""

    @property
    def writers(self) -> Sequence[N]:
        """Nodes for which `mutates` is not empty, in graph order."""

    def storage(self, node: N) -> Hashable:
        """Nodes that may share memory have equal answers."""

    def made_by(self, node: N) -> tuple[str, ...]:
        """Full names of the patterns whose rewrite made the node."""

    def scalar_key(self, value: Any) -> Hashable:
        """A key for a symbolic number: equal keys, equal numbers."""

    def name(self, node: N) -> str:
        """How messages call the node."""
