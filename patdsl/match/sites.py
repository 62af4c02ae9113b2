"""Where a graph computes a declared op.

In: a graph, the declared ops. Out: `Site`s, found when asked for: at a node, for a value, for a user of a
value. Torch and declared-call bindings are read off single nodes; native blocks are searched in the whole graph
once (`native.py`). Every answer is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

import attrs

from patdsl.expr import Expr
from patdsl.graph import RightStep
from patdsl.match.answers import answers
from patdsl.match.aten_forms import DimIndex
from patdsl.match.bindings import Names
from patdsl.match.context import Context
from patdsl.match.found import Site, TypedCall, Value
from patdsl.match.protocol import Call, GraphView
from patdsl.match.resolve import resolve_all
from patdsl.match.template import Fitted, TemplateFit
from patdsl.match.values import Values
from patdsl.op_table import Block, DeclaredCall, Native, Op, Step, TorchCall, reached

#: Finds every site of an op through one native binding.
FindNative = Callable[["Sites", Op, Native], list[Site[Any]]]


def is_literal(value: Any) -> bool:
    """A value that a graph spells as it stands. Equal ones of different types are told apart by the join alone.

    The index of a dim is none: 1 and -1 may be the same, which a set does not know.
    """
    return isinstance(value, (bool, int, float, str)) and not isinstance(value, DimIndex)


@attrs.define(eq=False)
class OpSites:
    """The sites of one op: those looked for so far, by node; those of native blocks, None before they are sought."""

    at: dict[Any, list[Site[Any]]] = attrs.Factory(dict)
    native: list[Site[Any]] | None = None


@attrs.define(eq=False)
class Sites:
    """The sites of one graph. `find_native` is `native.find_native`, handed in since it needs the matcher itself.

    `values` and `found_of` (what is found of an op) are its own unless what others have found in the same graph is
    given.
    """

    view: GraphView[Any]
    context: Context
    find_native: FindNative
    values: Values[Any] = attrs.Factory(lambda self: self._own_values(), takes_self=True)
    found_of: Callable[[str], OpSites] = attrs.field(default=lambda name: OpSites())
    ask: Callable[..., Any] = attrs.field(init=False)
    #: Calls of right sides, by the identity of the step, which is kept alive, and the likeness of the operands.
    typed: dict[Hashable, tuple[RightStep, TypedCall[Any]]] = attrs.Factory(dict)
    _templates: TemplateFit = attrs.field(init=False)
    _ops: dict[str, Op | None] = attrs.Factory(dict)
    _targets: dict[str, frozenset[str]] = attrs.Factory(dict)
    _found: dict[str, OpSites] = attrs.Factory(dict)
    _counts: dict[str, int] = attrs.Factory(dict)
    _literals: dict[tuple[str, str], frozenset[Hashable]] = attrs.Factory(dict)
    _open: set[str] = attrs.Factory(set)

    def __attrs_post_init__(self) -> None:
        self.ask = answers(self.context.known)
        self._templates = TemplateFit(self.values, self.names, self.producing)

    def _own_values(self) -> Values[Any]:
        return Values(self.view, self.context.known, free_targets(self.context))

    def names(self) -> Names:
        """An empty namespace that asks about this graph."""
        return Names(self.context, self.ask)

    def op(self, name: str) -> Op | None:
        """The declared op as the target reads it, or None where nothing declares it."""
        if name not in self._ops:
            declared = self.context.ops.get(name)
            self._ops[name] = None if declared is None else resolve_all(declared, self.context.target)
        return self._ops[name]

    # whether and how often

    def targets(self, name: str) -> frozenset[str]:
        """Torch ops at whose node a site can be read off."""
        if name not in self._targets:
            self._targets[name] = frozenset(
                binding.target
                for binding in reached(name, self.context.ops)
                if isinstance(binding, TorchCall)
            )
        return self._targets[name]

    def count(self, name: str) -> int:
        """At most how many sites there are, counted without looking at any."""
        if name not in self._counts:
            self._counts[name] = 0  # ends a cycle of native blocks
            total = sum(len(self.view.by_target(target)) for target in self.targets(name))
            for block in self._blocks(name):
                steps = [self.count(step.op) for step in block.steps if isinstance(step, Step)]
                total += min(steps, default=0)
            self._counts[name] = total
        return self._counts[name]

    def _blocks(self, name: str) -> Iterator[Block]:
        return (binding.block for binding in reached(name, self.context.ops) if isinstance(binding, Native))

    def literals(self, name: str, param: str) -> frozenset[Hashable]:
        """What the sites of the op have as `param`, as plain values; None among them for anything else."""
        place = (name, param)
        if place not in self._literals:
            given = (site.args.get(param) for site in self.all(name))
            self._literals[place] = frozenset(value if is_literal(value) else None for value in given)
        return self._literals[place]

    # sites

    def all(self, name: str) -> Iterator[Site[Any]]:
        """Every site of the op, in graph order within each binding."""
        nodes = {node for target in self.targets(name) for node in self.view.by_target(target)}
        for node in sorted(nodes, key=self.view.position):
            yield from self.at(name, node)
        yield from self.native(name)

    def at(self, name: str, node: Any) -> list[Site[Any]]:
        """The sites of the op at a node, through torch and declared calls; both orders of a commutative op."""
        known = (self._found.get(name) or self._found_of(name)).at
        found = known.get(node)
        if found is None:
            known[node] = []  # ends a cycle of declared calls
            op = self.op(name)
            found = known[node] = [] if op is None else self._both_orders(op, list(self._read(op, node)))
        return found

    def _found_of(self, name: str) -> OpSites:
        if name not in self._found:
            self._found[name] = self.found_of(name)
        return self._found[name]

    def _read(self, op: Op, node: Any) -> Iterator[Site[Any]]:
        target = self.view.target(node)
        for binding in op.bindings:
            if isinstance(binding, TorchCall) and binding.target == target:
                call = self.values.call(node)
                fitted = None if call is None else self._templates.torch_call(op, binding, node, call)
                if fitted is not None:
                    costly = () if op.free or self.values.is_free(node) else (node,)
                    yield _site(op, binding, fitted, costly)
            elif isinstance(binding, DeclaredCall) and target in self.targets(binding.op):
                yield from self._through(op, binding, self.at(binding.op, node))

    def _through(self, op: Op, binding: DeclaredCall, inner: Iterable[Site[Any]]) -> Iterator[Site[Any]]:
        for site in inner:
            fitted = self._templates.declared_call(op, binding, site)
            if fitted is not None:
                yield _site(op, binding, fitted, site.nodes)

    def native(self, name: str) -> list[Site[Any]]:
        """The sites of the op through native blocks."""
        known = self._found_of(name)
        if known.native is not None:
            return known.native
        if name in self._open:
            return []
        self._open.add(name)
        op = self.op(name)
        found: list[Site[Any]] = []
        for binding in op.bindings if op is not None else ():
            if isinstance(binding, Native) and self._may_hold(binding.block):
                assert op is not None
                found.extend(self.find_native(self, op, binding))
            elif isinstance(binding, DeclaredCall):
                assert op is not None
                found.extend(self._through(op, binding, self.native(binding.op)))
        self._open.discard(name)
        known.native = found if op is None else self._both_orders(op, found)
        return known.native

    def complete(self, op: Op, guard: Expr | None, fitted: Fitted, names: Names) -> Fitted | None:
        """What a native block bound, with types, open parameters and guard decided."""
        return self._templates.complete(op, guard, fitted, names, [], partial=True)

    def fits(self, op: Op, binding: TorchCall, node: Any, call: Call) -> bool:
        """Whether a node would be the op through a binding that need not be declared: the answer is not kept."""
        apart = TemplateFit(self.values, self.names, self.producing)
        return apart.torch_call(op, binding, node, call) is not None

    def operand(self, value: Any) -> Any:
        """A call's operand as declarations see it."""
        return self._templates.operand(value)

    def _may_hold(self, block: Block) -> bool:
        return all(self.count(step.op) for step in block.steps if isinstance(step, Step))

    def producing(self, name: str, value: Value[Any]) -> list[Site[Any]]:
        """The sites of the op that compute a value, each of several equal free ones once."""
        found: dict[Hashable, Site[Any]] = {}
        targets = self.targets(name)
        for node in self._producers(value):
            if self.view.target(node) in targets:
                for site in self.at(name, node):
                    if value in site.results.values():
                        found.setdefault(self._identity(site), site)
        for site in self.native(name):
            if value in site.results.values():
                found.setdefault(self._identity(site), site)
        return list(found.values())

    def _producers(self, value: Value[Any]) -> list[Any]:
        nodes = [self.values.root(value).producer]
        for holder in value.holders:
            taken = self.view.getitem(holder)
            nodes.append(holder if taken is None else taken[0])
        return list(dict.fromkeys(nodes))

    def using(self, name: str, value: Value[Any]) -> list[Site[Any]]:
        """The sites of the op with the value among its arguments."""
        found: dict[Hashable, Site[Any]] = {}
        targets = self.targets(name)
        users = dict.fromkeys(user for holder in value.holders for user in self.view.users(holder))
        for user in users:
            if self.view.target(user) in targets:
                for site in self.at(name, user):
                    if _reads(site, value):
                        found.setdefault(self._identity(site), site)
        for site in self.native(name):
            if _reads(site, value):
                found.setdefault(self._identity(site), site)
        return list(found.values())

    def _identity(self, site: Site[Any]) -> Hashable:
        """Equal for sites that are one place: costly ones by their nodes and order, free ones by what they
        compute.
        """
        args = tuple((name, _key(value)) for name, value in site.args.items())
        return (site.nodes, args, tuple((name, value.key) for name, value in site.results.items()))

    def _both_orders(self, op: Op, found: list[Site[Any]]) -> list[Site[Any]]:
        tensors = [param.name for param in op.params if param.is_tensor]
        if not op.commutative or len(tensors) < 2:
            return found
        one, other = tensors[:2]
        both = []
        for site in found:
            both.append(site)
            if one in site.args and other in site.args and _key(site.args[one]) != _key(site.args[other]):
                swapped = {**site.args, one: site.args[other], other: site.args[one]}
                if isinstance(swapped[one], Value) and self._fits(op, swapped):
                    both.append(attrs.evolve(site, args=swapped))
        return both

    def _fits(self, op: Op, args: dict[str, Any]) -> bool:
        names = self.names()
        return all(
            names.fit_type(param.type, args[param.name]) is None for param in op.params if param.name in args
        )


def free_targets(context: Context) -> frozenset[str]:
    """Torch ops that cost nothing because a declaration says so."""
    return frozenset(
        binding.target
        for op in context.ops.values()
        if op.free and not op.effects
        for binding in op.bindings
        if isinstance(binding, TorchCall)
    )


def _site(op: Op, binding: Any, fitted: Fitted, nodes: tuple[Any, ...]) -> Site[Any]:
    return Site(op, binding, fitted.args, fitted.results, nodes, tuple(fitted.same))


def _reads(site: Site[Any], value: Value[Any]) -> bool:
    return any(
        value in arg if isinstance(arg, tuple) else isinstance(arg, Value) and arg == value
        for arg in site.args.values()
    )


def _key(value: Any) -> Hashable:
    if isinstance(value, Value):
        return ("value", value.key)
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    try:
        hash(value)
    except TypeError:
        return str(value)
    return (type(value).__name__, value)
