"""A pattern's left side -> an fx graph as a post-grad pass would meet it.

In: a pattern, the context of its pass, a `Sample`, and a `Form`: how often branches repeat, which binding spells an op,
what is changed. Out: `Model`. Calls are written by the code that writes the right sides of matches, so that ops which
write stand in functional form. Raises `NoModelError` where the form cannot be built.
"""

from __future__ import annotations

import contextlib
import logging
import operator
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import attrs
import torch

from patdsl.dtypes import FROM_TORCH, Dtype
from patdsl.expr import UNKNOWN, EvaluationError, Ref, Star, evaluate
from patdsl.graph import Pattern
from patdsl.match.found import TensorMeta
from patdsl.match.fx_schema import target_name
from patdsl.match.layout import ALWAYS_FREE, RESHAPES, SAME_IF_TYPE_IS, contiguous_strides
from patdsl.match.result_types import declared_result
from patdsl.op_table import (
    Anything,
    Binding,
    Const,
    DeclaredCall,
    Give,
    Native,
    NoDefault,
    OneOf,
    Op,
    Operand,
    Out,
    Plain,
    Step,
    Tensor,
    Through,
    TorchCall,
    Use,
    Values,
    ViewStep,
)
from patdsl.runtime import torch_api
from patdsl.runtime.dims import DimTable, UnreachableDimError
from patdsl.runtime.fake_results import EmitError, FakeResults
from patdsl.runtime.nodes import MADE_BY, NewNodes
from patdsl.runtime.operands import Operands
from patdsl.runtime.template import Caller, Template
from patdsl.runtime.torch_api import Graph, Node
from patdsl.runtime.torch_ops import exists
from patdsl.runtime.values import tensor_of, torch_dtype
from patdsl.selftest.samples import Sample
from patdsl.unify import unify_type

#: Elements between the rows of a strided input; a multiple of what kernels load at once.
GAP = 16
#: Deeper than any declaration calls another.
MOST_NESTED = 16


class NoModelError(Exception):
    """The left side cannot be built so; the message says why."""


@attrs.frozen
class Place:
    """An operand: of a step, in a branch (None: in all)."""

    label: str
    param: str
    branch: int | None = None


@attrs.frozen
class Form:
    """One way to build a left side.

    `counts`: branches of each fan-out. `spelling`: op -> which of its bindings. `views`: what stands on an edge:
    `merged`, `split` or `last` (another last dim). `shared`: branches that view alike share the view. `operands`
    replaces an operand by a plain value, or by a tensor of its own (`FRESH`). `swapped`: steps whose first two
    tensors change places. `returned`: further values that the graph returns. `read`: further values that an op reads.
    `written`: an input that something writes after the first step. `swept`: calls whose results nothing reads are
    gone. `strided`: inputs of two and more dims are parts of wider tensors. `alone`: the graph has nothing else.
    """

    counts: Mapping[str, int] = attrs.Factory(dict)
    spelling: Mapping[str, int] = attrs.Factory(dict)
    views: Mapping[Place, str] = attrs.Factory(dict)
    shared: bool = True
    operands: Mapping[Place, Any] = attrs.Factory(dict)
    swapped: frozenset[str] = frozenset()
    returned: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    written: str | None = None
    swept: bool = True
    strided: bool = False
    alone: bool = False


class _Fresh:
    """A tensor of its own, of the type of what it replaces."""

    def __repr__(self) -> str:
        return "a tensor of its own"


FRESH = _Fresh()


@attrs.frozen(eq=False)
class Model:
    """`inputs` are the placeholders' types in order; `outputs` names each value that the graph returns, with its
    branch, `results` each that running it gives: also the caches that no argument carries.

    `costly`: names of the nodes that must be gone after the rewrite. `others`: of those that have nothing to do with
    the pattern and must stay.
    """

    graph: Graph
    inputs: tuple[tuple[str, TensorMeta], ...]
    outputs: tuple[str, ...]
    costly: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def results(self) -> tuple[str, ...]:
        return *self.outputs, "what caches hold"


def build(pattern: Pattern, context: Any, sample: Sample, form: Form, device: str) -> Model:
    """The graph of the left side. Raises NoModelError."""
    try:
        with quiet():
            return _Builder(pattern, context, sample, form, device).build()
    except (EmitError, UnreachableDimError, EvaluationError) as error:
        raise NoModelError(str(error)) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within it torch does not log what fake implementations refuse: what does not fit is tried on purpose."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


class _Builder:
    def __init__(self, pattern: Pattern, context: Any, sample: Sample, form: Form, device: str) -> None:
        self.pattern, self.context, self.sample, self.form, self.device = (
            pattern,
            context,
            sample,
            form,
            device,
        )
        self.mode = torch_api.FakeTensorMode()
        self.graph = torch_api.Graph()
        self.output = self.graph.output(())
        self.new = NewNodes(self.graph, FakeResults(self.graph), self.output, (), ("",))
        # Of a match, operands ask only how symbolic sizes are reached: there are none.
        nothing = cast(Any, SimpleNamespace(names={}, dying=(), sites=()))
        table = DimTable(self.graph)
        self.operands = Operands(nothing, self.new, self.output, table, lambda value: None)
        self.caller = Caller(self.new, self.operands, context, torch_api.prefers_v2())
        self.inputs: list[tuple[str, TensorMeta]] = []
        self.env: dict[str, Any] = {}
        self.branches: dict[str, list[MutableMapping[str, Any]]] = {}
        self.costly: list[str] = []
        self.views: dict[tuple[Node, str], Node] = {}

    # the whole

    def build(self) -> Model:
        bystanders = []
        if not self.form.alone:
            bystander = self._placeholder("bystander", TensorMeta(Dtype("f32"), (2, 3), (3, 1), self.device))
            bystanders.append(("a bystander", self.new.call(torch.ops.aten.neg.default, (bystander,))))
        for item in self.pattern.inputs:
            meta = self.sample.metas.get(item.name)
            if meta is not None:
                self.env[item.name] = self._placeholder(item.name, meta)
        for name, value in self.sample.names.items():
            self.env.setdefault(name, value)
        for fan_out in self.pattern.left.fan_outs:
            count = self.form.counts.get(fan_out.name, fan_out.low)
            self.branches[fan_out.name] = [{} for _ in range(count)]
        for at, step in enumerate(self.pattern.left.steps):
            if step.fan_out is None:
                self._step(step, self.env, None)
            else:
                for branch, own in enumerate(self.branches[step.fan_out]):
                    self._step(step, ChainMap(own, self.env), branch)
            if at == 0 and self.form.written is not None:
                self._write(self.env[self.form.written])
        returned: list[tuple[str, Node]] = []
        hidden = {each.value for each in self.pattern.only}  # what is returned is seen
        for replace in self.pattern.replaces:
            if replace.left not in hidden:
                returned += self._held(replace.left, replace.fan_out)
        for name in dict.fromkeys((*self.pattern.keep, *self.form.returned, *self._free())):
            returned += self._held(name, None)
        for name in self.form.read:
            for label, node in self._held(name, None):
                returned.append(
                    (f"a reader of {label}", self.new.call(torch.ops.aten.clone.default, (node,)))
                )
        if bystanders and self.env and not self.form.written:
            readable = [
                node for node in self.env.values() if isinstance(node, Node) and node.op == "placeholder"
            ]
            if readable:
                again = self.new.call(torch.ops.aten.clone.default, (readable[0],))
                bystanders.append(("a bystander that reads an input", again))
        outputs = list({node: (label, node) for label, node in reversed(returned)}.values())[::-1]
        outputs += bystanders
        self.output.args = (tuple(node for _, node in outputs),)
        self.graph.eliminate_dead_code(lambda node: not self._may_go(node))
        for node in self.graph.nodes:
            node.meta.pop(MADE_BY, None)
        self.graph.lint()
        there = {node.name for node in self.graph.nodes}
        return Model(
            self.graph,
            tuple(self.inputs),
            tuple(label for label, _ in outputs),
            tuple(name for name in self.costly if name in there),
            tuple(node.name for _, node in bystanders if node.name in there),
        )

    def _write(self, target: Node) -> None:
        """Other values into an input. Integers stay those that they are, in another order, since they may index."""
        tensor = target.meta["val"]
        if tensor.dtype.is_floating_point and tensor.dtype.itemsize > 1:
            self.new.call(torch.ops.aten.add_.Tensor, (target, 1))
        elif tensor.dtype.is_floating_point:  # torch adds nothing to 8 bits
            self.new.call(torch.ops.aten.zero_.default, (target,))
        elif tensor.numel() == 1:
            raise NoModelError(f"{target.name} is one integer, which has no other order")
        else:
            longest = max(range(tensor.ndim), key=tensor.shape.__getitem__)
            turned = self.new.call(torch.ops.aten.flip.default, (target, [longest]))
            self.new.call(torch.ops.aten.copy_.default, (target, turned))

    def _may_go(self, node: Node) -> bool:
        """Whether the node goes where nothing reads it: a dead call may be there when a pass runs, its parts not."""
        if node.op in ("placeholder", "output") or _writes(node):
            return False
        return self.form.swept or self._is_light(node)

    def _free(self) -> list[str]:
        """Values that cost nothing and that no step of the left side reads: somebody else may have them."""
        return [
            value
            for step in self.pattern.left.steps
            if isinstance(step, Step) and step.fan_out is None and self.context.ops[step.op].free
            for _, value in step.results
            if isinstance(self.env.get(value), Node) and not self.env[value].users
        ]

    def _held(self, name: str, fan_out: str | None) -> list[tuple[str, Node]]:
        if fan_out is None:
            fan_out = next((own for own, made in self.branches.items() if made and name in made[0]), None)
        if fan_out is None:
            found = self.env.get(name)
            return [(f"`{name}`", found)] if isinstance(found, Node) else []
        return [
            (f"`{name}` of branch {branch + 1}", own[name])
            for branch, own in enumerate(self.branches[fan_out])
            if isinstance(own.get(name), Node)
        ]

    def _placeholder(self, name: str, meta: TensorMeta) -> Node:
        first = next(iter(self.graph.nodes))
        while first.op == "placeholder":
            first = first.next
        with self.graph.inserting_before(first):
            node = self.graph.placeholder(f"{name}_" if name in ("output",) else name)
        if self.form.strided and len(meta.dims) > 1:
            wider = contiguous_strides((*meta.dims[:-1], meta.dims[-1] + GAP))
            meta = attrs.evolve(meta, strides=wider)
        strides = meta.strides if meta.strides is not None else contiguous_strides(meta.dims)
        with self.mode:
            dtype = torch_dtype(meta.dtype)
            node.meta["val"] = torch.empty_strided(meta.dims, strides, dtype=dtype, device=self.device)
        self.inputs.append((name, meta))
        return node

    # steps

    def _step(self, step: Step | ViewStep, env: MutableMapping[str, Any], branch: int | None) -> None:
        if isinstance(step, ViewStep):
            env[step.value] = self._view_step(step, env)
            return
        op = self.context.ops[step.op]
        args: dict[str, Any] = {}
        for param, operand in step.operands:
            args[param] = self._placed(step, op, param, operand, env, branch)
        if step.label in self.form.swapped:
            first, second = _first_two(op)
            args[first], args[second] = args[second], args[first]
        before = len(self.new.added)
        made = self._call(op, args, self.form.spelling.get(step.op), 0)
        if not op.free:
            added = self.new.added[before:]
            self.costly += [node.name for node in added if not self._is_light(node)]
        for result, value in step.results:
            if result not in made:
                raise NoModelError(f"{op.name} has no {result}")
            env[value] = made[result]
        if step.fan_out is None and any(value in self.pattern.keep for _, value in step.results):
            kept = {node.name for node in self.new.added[before:]}
            self.costly = [name for name in self.costly if name not in kept]

    def _is_light(self, node: Node) -> bool:
        if node.target is operator.getitem:
            return True
        if not isinstance(node.target, torch_api.OpOverload):
            return False
        name = target_name(node.target)
        free = {
            binding.target
            for op in self.context.ops.values()
            if op.free
            for binding in op.bindings
            if isinstance(binding, TorchCall)
        }
        return name in ALWAYS_FREE | RESHAPES | SAME_IF_TYPE_IS | free

    def _placed(
        self,
        step: Step,
        op: Op,
        param: str,
        operand: Operand,
        env: MutableMapping[str, Any],
        branch: int | None,
    ) -> Any:
        for place in (Place(step.label, param, branch), Place(step.label, param)):
            if place in self.form.operands:
                instead = self.form.operands[place]
                if instead is not FRESH:
                    return instead
                return self._fresh(self._operand(op, param, operand, env), step.label, param)
        value = self._operand(op, param, operand, env)
        view = self.form.views.get(Place(step.label, param, branch)) or self.form.views.get(
            Place(step.label, param)
        )
        if isinstance(operand, Through) and operand.at_least and view is None:
            view = "merged"
        return value if view is None or view == "none" else self._viewed(value, view, branch)

    def _fresh(self, like: Any, label: str, param: str) -> Any:
        tensor = tensor_of(like) if isinstance(like, Node) else None
        if tensor is None:
            raise NoModelError("it is no tensor")
        dtype = next(
            meta.dtype for meta in self.sample.metas.values() if torch_dtype(meta.dtype) == tensor.dtype
        )
        dims = tuple(tensor.shape)
        return self._placeholder(
            f"other_{len(self.inputs)}_{label}_{param}", TensorMeta(dtype, dims, contiguous_strides(dims), "")
        )

    def _operand(self, op: Op, param: str, operand: Operand, env: MutableMapping[str, Any]) -> Any:
        if isinstance(operand, (Use, Through)):
            if operand.value not in env:
                raise NoModelError(f"nothing says what `{operand.value}` is")
            return env[operand.value]
        if isinstance(operand, OneOf):
            return env[operand.name]
        if isinstance(operand, Const):
            value = evaluate(operand.value, self.caller.scope(env))
            if value is UNKNOWN:
                raise NoModelError("an operand is not known")
            return value
        if isinstance(operand, Values):
            return tuple(self._operand(op, param, item, env) for item in operand.items)
        assert isinstance(operand, Anything)
        return self._anything(op, param)

    def _anything(self, op: Op, param: str) -> Any:
        declared = op.param[param]
        if not isinstance(declared.default, NoDefault):
            return evaluate(declared.default, self.context.scope({}))
        if declared.optional:
            return None
        if isinstance(declared.type, Plain) and not declared.type.is_list:
            found = {"int": 1, "float": 1.0, "bool": False, "str": "any", "opaque": "any"}.get(
                declared.type.kind
            )
            if found is not None:
                return found
        raise NoModelError(f"`_` for {param} of {op.name} can be anything: nothing says what")

    # views

    def _viewed(self, value: Any, how: str, branch: int | None) -> Node:
        tensor = tensor_of(value) if isinstance(value, Node) else None
        if tensor is None or tensor.dim() == 0:
            raise NoModelError("there is nothing to view")
        *leading, last = tensor.shape
        if how == "merged" and len(leading) > 1:
            dims = [tensor.numel() // last if last else 0, last]
        elif how in ("merged", "split"):
            dims = [1, *leading, last]
        elif how == "last" and last % 2 == 0 and leading:
            dims = [*leading[:-1], leading[-1] * 2, last // 2]
        else:
            raise NoModelError("there is no such view")
        key = (value, str(dims))
        if self.form.shared and key in self.views:
            return self.views[key]
        self.views[key] = self.new.call(torch.ops.aten.reshape.default, (value, dims))
        return self.views[key]

    def _view_step(self, step: ViewStep, env: MutableMapping[str, Any]) -> Node:
        source = env.get(step.source)
        if not isinstance(source, Node):
            raise NoModelError(f"`{step.source}` is no tensor")
        scope = self.caller.scope(env)
        dims: list[Any] = []
        for dim in step.dims:
            if isinstance(dim, Anything):
                dims.append(-1)
            elif isinstance(dim, Star):
                dims.extend(env[dim.name])
            else:
                dims.append(evaluate(dim, scope))
        if tensor_of(source) is not None and tuple(tensor_of(source).shape) == tuple(dims):  # type: ignore[union-attr]
            return source
        return self.new.call(torch.ops.aten.reshape.default, (source, dims))

    # calls

    def _call(self, op: Op, args: Mapping[str, Any], spelling: int | None, depth: int) -> dict[str, Node]:
        """The op through the binding asked for, or the first that can be; its results by name."""
        if depth > MOST_NESTED:
            raise NoModelError(f"{op.name} is declared by itself")
        names = self._names(op, args)
        reasons = []
        called = [each for each in op.bindings if isinstance(each, TorchCall) and exists(each.target)]
        for at, binding in enumerate(op.bindings):
            if at != spelling if spelling is not None else called and binding not in called:
                continue
            before = len(self.new.added)
            inputs = len(self.inputs)
            try:
                return self._through(op, binding, args, names, depth)
            except (NoModelError, EmitError, EvaluationError) as error:
                reasons.append(str(error))
                for node in reversed(self.new.added[before:]):
                    self.graph.erase_node(node)
                del self.new.added[before:]
                assert len(self.inputs) == inputs
        raise NoModelError(f"{op.name}: {'; '.join(reasons) or 'it has no binding'}")

    def _names(self, op: Op, args: Mapping[str, Any]) -> dict[str, Any]:
        names: dict[str, Any] = dict(args)
        scope = self.caller.scope(names)
        for param in op.params:
            tensor = tensor_of(args[param.name]) if isinstance(args.get(param.name), Node) else None
            if tensor is None or not isinstance(param.type, Tensor):
                if (
                    isinstance(args.get(param.name), Node)
                    and isinstance(param.type, Plain)
                    and not param.is_tensor
                ):
                    raise NoModelError(f"{op.name} takes no tensor for {param.name}")
                continue
            reason = unify_type(param.type, _language_dtype(tensor), tuple(tensor.shape), names, scope)
            if reason is not None:
                raise NoModelError(f"{op.name} does not take this {param.name}: {reason}")
        return names

    def _through(
        self, op: Op, binding: Binding, args: Mapping[str, Any], names: dict[str, Any], depth: int
    ) -> dict[str, Node]:
        scope = self.caller.scope(names)
        if binding.guard is not None and evaluate(binding.guard, scope) is not True:
            raise NoModelError("its guard does not hold")
        if isinstance(binding, TorchCall):
            if not exists(binding.target):
                raise NoModelError(f"{binding.target} is not registered in this process")
            outs = {
                argument.result: (meta, None)
                for _, argument in binding.args
                if isinstance(argument, Out)
                and (meta := self._result(op, argument.result, names)) is not None
            }
            results = Template(self.caller, op, binding, args, names, None, outs).emit()
            return {name: make() for name, make in results.items()}
        if isinstance(binding, DeclaredCall):
            inner = self.context.ops[binding.op]
            given = {
                param: names[argument.value.name]
                if isinstance(argument.value, Ref)
                else evaluate(argument.value, scope)
                for param, argument in binding.args
                if isinstance(argument, Give)
            }
            for param in inner.params:
                if param.name not in given and not isinstance(param.default, NoDefault):
                    given[param.name] = evaluate(param.default, self.context.scope({}))
            if len(given) < len(inner.params):
                raise NoModelError(f"not all arguments of {inner.name} are known")
            made = self._call(inner, given, None, depth + 1)
            return {outer: made[own] for own, outer in binding.results if own in made}
        return self._native(op, binding, names, depth)

    def _native(self, op: Op, binding: Native, names: dict[str, Any], depth: int) -> dict[str, Node]:
        env: dict[str, Any] = dict(names)
        for step in binding.block.steps:
            if isinstance(step, ViewStep):
                env[step.value] = self._view_step(step, env)
                continue
            inner = self.context.ops[step.op]
            args = {param: self._operand(inner, param, operand, env) for param, operand in step.operands}
            made = self._call(inner, args, None, depth + 1)
            for result, value in step.results:
                if result not in made:
                    raise NoModelError(f"{inner.name} has no {result}")
                env[value] = made[result]
        return {
            result.name: env[result.name] for result in op.results if isinstance(env.get(result.name), Node)
        }

    def _result(self, op: Op, result: str, names: Mapping[str, Any]) -> TensorMeta | None:
        made = declared_result(op.result[result].type, names, self.caller.scope(names))
        return made and TensorMeta(made.dtype, made.dims, None, self.device)


def _first_two(op: Op) -> tuple[str, str]:
    tensors = [param.name for param in op.params if param.is_tensor]
    if len(tensors) < 2:
        raise NoModelError("it has no two tensors")
    return tensors[0], tensors[1]


def _language_dtype(tensor: torch.Tensor) -> Dtype:
    return FROM_TORCH[str(tensor.dtype).removeprefix("torch.")]


def _writes(node: Node) -> bool:
    """An op that writes and stands as it is, outside of any functional form."""
    aten = torch.ops.aten
    return node.target in (aten.add_.Tensor, aten.zero_.default, aten.copy_.default)
