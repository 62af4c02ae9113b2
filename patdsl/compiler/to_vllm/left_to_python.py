"""A left side as Python: the function that torch's matcher is given, for one choice of the ops' bindings.

In: a pattern, the declared ops, a binding for each step. Out: `Spelling`: the function's parameters and lines, what is
known of captured values, and the guards under which a match is one. `...` stands for what is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from patdsl.compiler.to_vllm.call_to_lines import call_lines, torch_name, writes
from patdsl.compiler.to_vllm.expr_to_python import ExprToPython, Known, UnsayableError, literal, python
from patdsl.compiler.to_vllm.guards import default_of, solved
from patdsl.compiler.to_vllm.pattern_to_choices import calls_of
from patdsl.compiler.to_vllm.spelling import ANNOTATIONS, Line, Spelling
from patdsl.compiler.to_vllm.variable_names import variable
from patdsl.expr import Binary, Expr, Items, Lit, Ref, names_in
from patdsl.graph import Pattern
from patdsl.op_table import (
    Anything,
    Const,
    DtypeOf,
    Give,
    Mut,
    Nested,
    OneOf,
    Op,
    Operand,
    Out,
    Param,
    Plain,
    Same,
    Step,
    Temp,
    TemplateArg,
    Tensor,
    Through,
    TorchCall,
    Use,
    Values,
    ViewStep,
)

_NAMED = {"+": "plus", "-": "minus", "*": "times", "/": "by", "%": "mod"}


class LeftToPython:
    """Writes one spelling. `wanted`: the values whose buffers the right side writes to."""

    def __init__(
        self,
        pattern: Pattern,
        ops: Mapping[str, Op],
        bindings: tuple[TorchCall, ...],
        outer: Mapping[str, Known],
        wanted: frozenset[str],
        asked: Mapping[str, Lit],
        required: frozenset[str],
    ) -> None:
        self.pattern, self.ops, self.outer, self.wanted = pattern, ops, outer, wanted
        steps = [step for step in pattern.left.steps if isinstance(step, Step)]
        self.bindings = dict(zip((step.label for step in steps), bindings, strict=True))
        self.made = Spelling(fan_out=next(iter(pattern.left.fan_outs), None))
        self.made.fixed.update(asked)
        self.required = required
        self._optional: dict[str, bool] = {}
        self._free: set[str] = set()

    def run(self) -> Spelling:
        """Raises UnsayableError."""
        for step in self.pattern.left.steps:
            if isinstance(step, Step):
                self._fix(step, self.bindings[step.label])
        for step in self.pattern.left.steps:
            if isinstance(step, ViewStep):
                self._view(step)
            else:
                self._step(step, self.bindings[step.label])
        return self.made

    # What a binding says of captured values

    def _fix(self, step: Step, binding: TorchCall) -> None:
        said = dict(solved(binding.guard))
        passed = {name for _, arg in binding.args for name in _params_of(arg)}
        op = self.ops[step.op]
        # The dtype of a buffer says it.
        written = {
            declared.dtype.parameter
            for _, arg in binding.args
            if isinstance(arg, Out) and isinstance(declared := op.result[arg.result].type, Tensor)
            if isinstance(declared.dtype, DtypeOf)
        }
        for name, operand in step.operands:
            param = op.param[name]
            value = said.get(name)
            if value is None and name in written and isinstance(operand, Const):
                continue
            if value is None and name not in passed:
                value = Lit(None) if param.is_tensor else default_of(param)
                if value is None:
                    raise UnsayableError(f"`{binding.target}` does not say `{name}`")
            if value is None and isinstance(operand, Use) and not writes(binding):
                value = default_of(param)  # graphs leave it out, and a pattern has one number of arguments
            if value is None:
                continue
            if isinstance(operand, Use):
                if self.made.fixed.setdefault(operand.value, value) != value:
                    raise UnsayableError(f"`{operand.value}` would have two values")
            elif isinstance(operand, Const) and isinstance(operand.value, Lit):
                if operand.value != value:
                    raise UnsayableError(f"`{binding.target}` has another `{name}`")
            elif not isinstance(operand, Anything):
                raise UnsayableError(f"`{binding.target}` leaves `{name}` out")

    # Steps

    def _step(self, step: Step, binding: TorchCall) -> None:
        op = self.ops[step.op]
        each = step.fan_out is not None
        operands = dict(step.operands)
        values = dict(step.results)
        args: list[str] = []
        written: dict[int | str, str] = {}
        for key, arg in binding.args:
            text = self._argument(arg, op, operands, values, each)
            args.append(text if isinstance(key, int) else f"{key}={text}")
            result = arg.result if isinstance(arg, (Out, Mut)) else None
            if result is not None and result in values:
                if isinstance(arg, Out) and arg.view_as is not None:
                    raise UnsayableError(f"`{binding.target}` writes `{result}` as another dtype")
                written[key] = values[result]
        self.made.ops.setdefault(binding.target)
        if binding.guard is not None:
            self.made.guards.append((step, binding.guard))
        reads = [operand.value for operand in operands.values() if isinstance(operand, (Use, Through))]
        is_free = op.free and self._free.issuperset(reads)
        names = {value: self._new(value) for value in values.values()}
        for key, arg in binding.args:
            if isinstance(arg, Same) and not each:
                operand = self._operand(operands[arg.param], op.param[arg.param])
                after = written[key] = self._new(f"{operand}_after")
                names[after] = after
                self.made.unchanged[after] = operand
        lines = call_lines(binding, op, args, written, values, names)
        self.made.lines += [Line(text, each) for text in lines]
        if is_free:
            before = [line for name in reads for line in self.made.free.get(name, [])]
            for value in values.values():
                self._free.add(value)
                self.made.free[value] = [*before, *lines]

    def _argument(
        self, arg: TemplateArg, op: Op, operands: Mapping[str, Operand], values: Mapping[str, str], each: bool
    ) -> str:
        if isinstance(arg, Give) and isinstance(arg.value, Ref) and arg.value.name in op.param:
            name = arg.value.name
            return self._operand(operands[name], op.param[name], each)
        if isinstance(arg, Give):
            if isinstance(arg.value, Items):
                return self._list(arg.value, "int")
            return python(ExprToPython(self.outer.get).value(arg.value))
        if isinstance(arg, (Mut, Same)):
            return self._operand(operands[arg.param], op.param[arg.param], each)
        if isinstance(arg, Out):
            value = values.get(arg.result)
            if value not in self.wanted:
                return "..."
            assert value is not None
            buffer = self.made.buffers[value] = f"{variable(value)}_buffer"
            self._param(buffer, "torch.Tensor")
            return f"{buffer} if branch == 0 else ..." if each else buffer
        if isinstance(arg, Temp):
            return "..."
        inner = self.ops[arg.op]
        binding = calls_of(arg.op, self.ops)[0]
        given = dict(arg.args)
        args = []
        for key, part in binding.args:
            if not (
                isinstance(part, Give) and isinstance(part.value, Ref) and part.value.name in inner.param
            ):
                raise UnsayableError(f"`{arg.op}` stands inside `{op.name}`")
            name = part.value.name
            text = (
                self._argument(given[name], op, operands, values, each)
                if name in given
                else literal(getattr(default_of(inner.param[name]), "value", None))
            )
            args.append(text if isinstance(key, int) else f"{key}={text}")
        self.made.ops.setdefault(binding.target)
        return f"{torch_name(binding.target)}({', '.join(args)})"

    def _operand(self, operand: Operand, param: Param, each: bool = False) -> str:
        if isinstance(operand, Use):
            return self._value(operand.value, param)
        if isinstance(operand, Through):
            source = self._value(operand.value, param)
            self.made.has_view = self.made.has_view or not operand.at_least
            name = f"{source}_rows"
            call = f"torch.ops.aten.reshape.default({source}, [..., ...])"
            line = Line(f"{name} = {call}" + ("" if operand.at_least else f" if view else {source}"))
            if line not in self.made.lines:
                self.made.lines.append(line)
            return name
        if isinstance(operand, Const):
            kind = param.type.kind if isinstance(param.type, Plain) else "float"
            if isinstance(operand.value, Items):
                return self._list(operand.value, kind)
            return self._number(operand.value, kind)
        if isinstance(operand, OneOf):
            self.made.options[operand.name] = operand.options
            return self._value(operand.name, param)
        if isinstance(operand, Values):
            return f"[{', '.join(self._operand(item, param) for item in operand.items)}]"
        return "..."

    def _value(self, value: str, param: Param) -> str:
        if value in self.made.names:
            return self.made.names[value]
        if value in self.made.fixed:
            return literal(self.made.fixed[value].value)
        annotation = "torch.Tensor"
        if isinstance(param.type, Plain) and param.type.kind != "tensor":
            if param.type.is_list:
                raise UnsayableError(f"`{value}` captures a list")
            annotation = ANNOTATIONS[param.type.kind]
        optional = param.optional and value not in self.required
        self._optional[value] = self._optional.get(value, True) and optional
        name = variable(value)
        self._param(name, f"{annotation} | None" if self._optional[value] else annotation)
        if param.is_tensor:
            self._free.add(value)
        return name

    def _list(self, items: Items, kind: str) -> str:
        return f"[{', '.join(self._number(item, kind) for item in items.items)}]"

    def _number(self, expr: Expr, kind: str) -> str:
        """A number, or a parameter that captures it."""
        try:
            known = ExprToPython(lambda name: self.made.fixed.get(name) or self.outer.get(name)).value(expr)
        except UnsayableError:
            known = None
        if known is not None:
            return python(known)
        if isinstance(expr, Ref):
            name = variable(expr.name)
            self._param(name, ANNOTATIONS[kind])
            return name
        name = variable(_name_of(expr))
        self.made.derived[name] = expr
        self._param(name, ANNOTATIONS[kind])
        return name

    def _param(self, name: str, annotation: str) -> None:
        known = self.made.params.setdefault(name, annotation)
        if known == f"{annotation} | None":
            self.made.params[name] = annotation

    def _new(self, value: str) -> str:
        """A variable of its own for a value."""
        name = variable(value)
        while name in self.made.params or name in self.made.names.values():
            name += "_"
        self.made.names[value] = name
        return name

    # Views

    def _view(self, step: ViewStep) -> None:
        source = self.made.names.get(step.source)
        if source is None:
            source = variable(step.source)
            self._param(source, "torch.Tensor")
            self._free.add(step.source)
        found, again = [], []
        for index, dim in enumerate(step.dims):
            if isinstance(dim, Anything) or (index == 0 and isinstance(dim, Ref) and len(step.dims) > 1):
                found.append("...")
                again.append("-1")
            else:
                found.append(self._number(dim, "int"))
                again.append(found[-1])
        name = self._new(step.value)
        each = step.fan_out is not None
        call = f"{name} = torch.ops.aten.reshape.default({source}, [%s])"
        self.made.lines.append(Line(call % ", ".join(found), each))
        if step.source in self._free:
            self._free.add(step.value)
            self.made.free[step.value] = [*self.made.free.get(step.source, []), call % ", ".join(again)]


def _params_of(arg: TemplateArg) -> Iterator[str]:
    if isinstance(arg, Give):
        yield from names_in(arg.value)
    elif isinstance(arg, (Mut, Same)):
        yield arg.param
    elif isinstance(arg, Nested):
        for _, inner in arg.args:
            yield from _params_of(inner)


def _name_of(expr: Expr) -> str:
    if isinstance(expr, Binary):
        return f"{_name_of(expr.left)}_{_NAMED.get(expr.op, 'and')}_{_name_of(expr.right)}"
    if isinstance(expr, Ref):
        return expr.name
    return re.sub(r"\W", "_", str(getattr(expr, "value", "number")))
