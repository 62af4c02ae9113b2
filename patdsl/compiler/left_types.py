"""The types of a pattern's left side, for sizes that are left open.

In: a pattern, the declared ops, and a `Case`: how many leading dims a variadic `*B` has and how a `view?` reshapes.
Out: names and types of every value, with dims as polynomials; or `LeftError`: no graph can look like this.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

import attrs

from patdsl.compiler.shape_rules import demanded, input_type, rule_types
from patdsl.compiler.symbolic import DtypeVariable, Facts, Poly, product
from patdsl.dtypes import Dtype
from patdsl.expr import UNKNOWN, EvaluationError, Expr, Open, Ref, Scope, Star, evaluate, names_in
from patdsl.graph import Pattern
from patdsl.match.found import TensorMeta
from patdsl.match.result_types import declared_result, may_be_size
from patdsl.op_table import (
    AnyTensor,
    Anything,
    Const,
    DtypeSet,
    DtypeVar,
    OneOf,
    Op,
    Operand,
    Param,
    Plain,
    Step,
    Tensor,
    Through,
    Type,
    Use,
    Values,
    ViewStep,
)
from patdsl.unify import unify_type


@attrs.frozen
class Case:
    """`leading`: how many dims `*B` stands for. `view`: `same`, `merged` or `split`, what optional views do."""

    leading: int
    view: str

    def __str__(self) -> str:
        how = {
            "same": "no view",
            "merged": "a view that merges leading dims",
            "split": "a view that splits them",
        }
        return f"{self.leading + 1}-D inputs, {how[self.view]}"


#: Every rank and view behaves like one of these: beyond two leading dims nothing new can happen.
CASES = tuple(Case(leading, view) for leading in (1, 2) for view in ("same", "merged", "split"))

#: Looked at where a `where` excludes all of these: `rank(x) == 4`.
MORE_CASES = tuple(Case(leading, "same") for leading in (0, 3, 4, 5))


@attrs.frozen
class Opaque(Open):
    """A captured value of which nothing is known but its kind: a float, a string, a bool."""

    name: str
    kind: str


class LeftError(Exception):
    """No graph has this left side: where, and why."""

    def __init__(self, line: int, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(reason)


class LeftTypes:
    """Types values in the order of the steps. `names` binds what a match would; `types` has the type of each value.

    `ranks`: the rank of an input where the case alone would give it another.
    """

    def __init__(
        self,
        pattern: Pattern,
        ops: Mapping[str, Op],
        constants: Mapping[str, Any],
        case: Case,
        ranks: Mapping[str, int] | None = None,
    ) -> None:
        self.ranks = ranks or {}
        self.pattern = pattern
        self.ops = ops
        self.case = case
        self.facts = Facts()
        self.constants = constants
        self.names: dict[str, Any] = {}
        self.types: dict[str, TensorMeta | None] = {}
        self._used: dict[str, int] = {}

    def scope(self, names: dict[str, Any]) -> Scope:
        return Scope(ChainMap(names, dict(self.constants)), known=self.facts.known)

    def run(self) -> None:
        """Raises LeftError."""
        for item in self.pattern.inputs:
            if isinstance(item.type, Tensor):
                self.types[item.name] = self._invent(item.name, item.type, self.names)
            elif isinstance(item.type, Plain):
                self.names[item.name] = self._scalar(item.name, item.type.kind)
        for step in self.pattern.left.steps:
            if isinstance(step, ViewStep):
                self._view(step)
            else:
                self._step(step)

    # Steps

    def _step(self, step: Step) -> None:
        op = self.ops[step.op]
        operands = dict(step.operands)
        names: dict[str, Any] = {}
        for param in op.params:
            if not param.is_tensor:
                names[param.name] = self._plain_argument(param, operands[param.name])
        args: dict[str, Any] = dict(names)
        names = {name: value for name, value in names.items() if value is not UNKNOWN}
        for param in op.params:
            if param.is_tensor:
                args[param.name] = self._tensor_argument(step, op, param, operands[param.name], names)
        for name, value in args.items():
            names.setdefault(name, value)
        self._results(step, op, names, args)

    def _plain_argument(self, param: Param, operand: Operand) -> Any:
        kind = param.type.kind if isinstance(param.type, Plain) else ""
        if isinstance(operand, (Use, OneOf)):
            name = operand.value if isinstance(operand, Use) else operand.name
            if name not in self.names and name not in self.types:
                self.names[name] = self._scalar(name, kind)
            return self.names.get(name, UNKNOWN)
        if isinstance(operand, Const):
            self._invent_dims(operand.value)
            try:
                return evaluate(operand.value, self.scope(self.names))
            except (EvaluationError, KeyError, TypeError):
                return UNKNOWN
        if isinstance(operand, Values):
            return tuple(self._plain_argument(Param("", Plain(kind)), item) for item in operand.items)
        return self._scalar(self._name("any"), kind)

    def _scalar(self, name: str, kind: str) -> Any:
        if kind == "dtype":
            return DtypeVariable(self._name(name), self.facts)
        return Poly.var(self._name(name)) if kind == "int" else Opaque(name, kind)

    def _invent_dims(self, expr: Expr) -> None:
        """Names that an expression would be solved for are dims of their own."""
        for name in names_in(expr):
            if name not in self.names and name not in self.constants:
                self.names[name] = Poly.var(self._name(name))

    def _tensor_argument(
        self, step: Step, op: Op, param: Param, operand: Operand, names: dict[str, Any]
    ) -> Any:
        if isinstance(operand, Values):
            return tuple(self._tensor_argument(step, op, param, item, names) for item in operand.items)
        if isinstance(operand, Const):
            try:
                return evaluate(operand.value, self.scope(self.names))
            except (EvaluationError, KeyError):
                return UNKNOWN
        if isinstance(operand, Anything):
            return self._invent(self._name(param.name), param.type, names)
        value = operand.name if isinstance(operand, OneOf) else operand.value
        if value not in self.types and value not in self.names:
            made = self._invent(value, param.type, names)
            self.types[value] = input_type(op.name, param.name, made, {**names, **self._typed(op, step)})
        meta = self.types.get(value)
        if meta is None:
            return self.names.get(value)
        if isinstance(operand, Through):
            meta = self._viewed(meta)
        reason = unify_type(param.type, meta.dtype, meta.dims, names, self.scope(names))
        if reason is not None and not (isinstance(param.type, Plain) and param.type.kind == "tensor"):
            raise LeftError(step.line, f"`{op.name}` cannot take `{value}` for `{param.name}`: {reason}")
        return meta

    def _typed(self, op: Op, step: Step) -> dict[str, TensorMeta]:
        """The types of the tensors that this step is known to read."""
        known = {}
        for name, operand in step.operands:
            meta = self.types.get(operand.value) if isinstance(operand, (Use, Through)) else None
            if meta is not None and op.param[name].is_tensor:
                known[name] = meta
        return known

    def _viewed(self, meta: TensorMeta) -> TensorMeta:
        """The type behind an optional view, as the case has it."""
        leading, last = meta.dims[:-1], meta.dims[-1:]
        if self.case.view == "merged" and len(leading) > 1:
            return attrs.evolve(meta, dims=(product(leading), *last))
        if self.case.view == "split" and leading:
            part = Poly.var(self._name("part"))
            return attrs.evolve(meta, dims=(part, product(leading) // part, *last))
        return meta

    # Types of inputs that nothing has typed yet

    def _invent(self, name: str, declared: Type, names: dict[str, Any]) -> TensorMeta | None:
        """A tensor of the declared type, as general as the case lets it be."""
        if isinstance(declared, Tensor):
            dtype = self._invent_dtype(declared, names)
            dims: list[Any] = []
            for dim in declared.dims:
                if isinstance(dim, Star):
                    if dim.name not in names:
                        count = self._leading(name, len(declared.dims) - 1)
                        names[dim.name] = tuple(
                            Poly.var(self._name(f"{dim.name}{index}")) for index in range(count)
                        )
                    dims.extend(names[dim.name])
                    continue
                for free in names_in(dim):
                    if free not in names and free not in self.constants:
                        names[free] = Poly.var(self._name(free))
                try:
                    dims.append(evaluate(dim, self.scope(names)))
                except EvaluationError:
                    return None
            if not all(map(may_be_size, dims)):
                return None
            return TensorMeta(dtype, tuple(dims), None, "")
        if isinstance(declared, AnyTensor):
            count = self._leading(name, 1)
            lead = tuple(Poly.var(self._name(f"{name}_{index}")) for index in range(count))
            last = Poly.var(self._name(name))
            return TensorMeta(DtypeVariable(f"dtype of {name}", self.facts), (*lead, last), None, "")
        return None

    def _leading(self, name: str, others: int) -> int:
        """How many dims are left open in an input that has so many others."""
        return max(self.ranks[name] - others, 0) if name in self.ranks else self.case.leading

    def _invent_dtype(self, declared: Tensor, names: dict[str, Any]) -> Dtype:
        term = declared.dtype
        if isinstance(term, Dtype):
            return term
        if isinstance(term, DtypeSet):
            one = DtypeVariable(self._name("dtype"), self.facts)
            one.among(term.names)
            return one
        name = term.name if isinstance(term, DtypeVar) else term.parameter
        known = names.setdefault(name, DtypeVariable(self._name(name), self.facts))
        return known if isinstance(known, Dtype) else DtypeVariable(self._name(name), self.facts)

    def _name(self, stem: str) -> str:
        """A variable of its own; the first of a name keeps it."""
        count = self._used[stem] = self._used.get(stem, 0) + 1
        return stem if count == 1 else f"{stem}'{count - 1}"

    # Results and views

    def _results(self, step: Step, op: Op, names: dict[str, Any], args: Mapping[str, Any]) -> None:
        self.facts.known(demanded(op.name, args))
        ruled = rule_types(op.name, args, lambda a, b: self.facts.decided(a == b))
        is_list = len(op.results) == 1 and isinstance(op.results[0].type, Plain)
        for result, value in step.results:
            if is_list:
                index = int(result.rsplit(".", 1)[1])
                self.types[value] = ruled[index] if ruled is not None and index < len(ruled) else None
            elif isinstance(declared := op.result[result].type, Tensor):
                self._invent_result_dims(declared, names)
                self.types[value] = declared_result(declared, names, self.scope(names))
            else:
                at = list(op.result).index(result)
                self.types[value] = ruled[at] if ruled is not None and at < len(ruled) else None

    def _invent_result_dims(self, declared: Tensor, names: dict[str, Any]) -> None:
        """What no operand says of a result is a dim of its own: only the graph has it."""
        for dim in declared.dims:
            if isinstance(dim, Ref) and dim.name not in names and dim.name not in self.constants:
                names[dim.name] = Poly.var(self._name(dim.name))

    def _view(self, step: ViewStep) -> None:
        meta = self.types.get(step.source)
        if meta is None and step.source not in self.types:
            meta = self.types[step.source] = self._invent(step.source, AnyTensor(), self.names)
        if meta is None:
            self.types[step.value] = None
            return
        stars = [dim.name for dim in step.dims if isinstance(dim, Star) and dim.name not in self.names]
        for star in stars:
            self.names[star] = tuple(meta.dims[:-1])
        unknown = [
            index
            for index, dim in enumerate(step.dims)
            if isinstance(dim, Anything) or (isinstance(dim, Ref) and dim.name not in self.names)
        ]
        solved = unknown[-1] if unknown else None
        sizes: list[Any] = []
        for index, dim in enumerate(step.dims):
            if index == solved:
                sizes.append(None)
            elif isinstance(dim, Anything):
                sizes.append(Poly.var(self._name("any")))
            elif isinstance(dim, Star):
                sizes.extend(self.names[dim.name])
            else:
                self._invent_dims(dim)
                sizes.append(evaluate(dim, self.scope(self.names)))
        if not all(size is None or isinstance(size, (int, Poly)) for size in sizes):
            # The rank of what is not known, say: nor is the type of this view.
            if solved is not None and isinstance(dim := step.dims[solved], Ref):
                self._invent_dims(dim)
            self.types[step.value] = None
            return
        total = product(meta.dims)
        if solved is not None:
            rest = total // product(size for size in sizes if size is not None)
            sizes = [rest if size is None else size for size in sizes]
            dim = step.dims[solved]
            if isinstance(dim, Ref):
                self.names[dim.name] = rest
        else:
            self.facts.zero.append(total - product(sizes))
        self.types[step.value] = attrs.evolve(meta, dims=tuple(sizes))
