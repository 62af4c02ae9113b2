"""A left side as Python: the function that torch's matcher is given, for one choice of the ops' bindings.

In: a pattern, the declared ops, a binding for each step. Out: `Spelling`: the function's parameters and lines, what is
known of captured values, and the conditions under which a match is one. `...` stands for what is not looked at.
Bindings of `patdsl::` ops are left out: where the module runs nothing makes them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

import attrs

from patdsl.compiler.expr_to_python import (
    Code,
    Condition,
    ExprToPython,
    Known,
    Lookup,
    TensorCode,
    UnsayableError,
    all_of,
    any_of,
    literal,
    python,
)
from patdsl.compiler.vllm_names import variable
from patdsl.compiler.vllm_types import ValueTypes
from patdsl.dtypes import Dtype
from patdsl.expr import (
    Binary,
    EvaluationError,
    Expr,
    Items,
    Lit,
    Member,
    Ref,
    Scope,
    Unary,
    evaluate,
    names_in,
)
from patdsl.graph import Pattern
from patdsl.op_table import (
    Anything,
    Const,
    DtypeOf,
    DtypeSet,
    DtypeVar,
    FanOut,
    Give,
    Mut,
    Native,
    Nested,
    NoDefault,
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
    reached,
)

#: What a left side may be spelled in. More are a mistake of scale: each is a class of the module.
MOST_SPELLINGS = 24
OWN = "patdsl::"
ANNOTATIONS = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "dtype": "torch.dtype",
    "opaque": "Any",
}
_NAMED = {"+": "plus", "-": "minus", "*": "times", "/": "by", "%": "mod"}


@attrs.frozen
class Line:
    """A line of the function; `each`: made for every branch of the fan-out."""

    text: str
    each: bool = False


@attrs.define
class Spelling:
    """`params`: name to annotation. `names`: each value's variable. `fixed`: captures with one value in this spelling.
    `derived`: parameters that must equal an expression. `free`: lines that make a free value anew from the inputs.
    `guards`: what each chosen binding asks for, with the step it is of. `unchanged`: what an op could have written to
    and did not, with that operand: graphs may go on with it.
    """

    params: dict[str, str] = attrs.Factory(dict)
    lines: list[Line] = attrs.Factory(list)
    names: dict[str, str] = attrs.Factory(dict)
    fixed: dict[str, Lit] = attrs.Factory(dict)
    derived: dict[str, Expr] = attrs.Factory(dict)
    options: dict[str, tuple[Expr, ...]] = attrs.Factory(dict)
    free: dict[str, list[str]] = attrs.Factory(dict)
    buffers: dict[str, str] = attrs.Factory(dict)
    guards: list[tuple[Step, Expr]] = attrs.Factory(list)
    unchanged: dict[str, str] = attrs.Factory(dict)
    ops: dict[str, None] = attrs.Factory(dict)
    has_view: bool = False
    fan_out: FanOut | None = None


def torch_name(target: str) -> str:
    """`ns::op.overload` as Python."""
    space, _, name = target.partition("::")
    name, _, overload = name.partition(".")
    return f"torch.ops.{space}.{name}.{overload or 'default'}"


def spellings(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[tuple[TorchCall, ...]]:
    """Every choice of bindings that torch's matcher can be given. Raises UnsayableError where a step has none."""
    if len(pattern.left.fan_outs) > 1:
        raise UnsayableError("it has several fan-outs")
    if pattern.keep:
        raise UnsayableError(
            f"it keeps `{pattern.keep[0]}`, an op inside the match that torch's matcher replaces"
        )
    choices = [_choices(step, ops) for step in pattern.left.steps if isinstance(step, Step)]
    return itertools.islice(itertools.product(*choices), MOST_SPELLINGS)


def orders(pattern: Pattern, ops: Mapping[str, Op]) -> list[Pattern]:
    """The pattern with the operands of its commutative ops in every order. Two inputs are alike in both."""
    made = {value for step in pattern.left.steps if isinstance(step, Step) for _, value in step.results}
    made |= {step.value for step in pattern.left.steps if isinstance(step, ViewStep)}
    choices = []
    for step in pattern.left.steps:
        choices.append([step])
        if isinstance(step, Step) and ops[step.op].commutative:
            (one, first), (other, second), *rest = step.operands
            if any(isinstance(each, (Use, Through)) and each.value in made for each in (first, second)):
                choices[-1].append(attrs.evolve(step, operands=((one, second), (other, first), *rest)))
    found = itertools.islice(itertools.product(*choices), MOST_SPELLINGS)
    return [attrs.evolve(pattern, left=attrs.evolve(pattern.left, steps=steps)) for steps in found]


def _choices(step: Step, ops: Mapping[str, Op]) -> list[TorchCall]:
    found: list[TorchCall] = []
    others: set[str] = set()
    for binding in reached(step.op, ops):
        if isinstance(binding, Native):
            others.add("torch code in several ops")
        elif binding.target.startswith(OWN):
            others.add("an op of patdsl's own")
        else:
            found.append(binding)
    if not found:
        what = " or ".join(sorted(others)) or "nothing"
        raise UnsayableError(f"`{step.op}` is spelled as {what} only")
    return found[:1] if found[0].target.startswith(("aten::", "prims::")) else found


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
        is_free = op.free and all(self._is_free(name) for name in reads)
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
            return (
                python(ExprToPython(self._constant).value(arg.value))
                if not _is_list(arg.value)
                else self._list(arg.value, "int")
            )
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
        binding = _choices(Step("", arg.op, (), ()), self.ops)[0]
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

    def _constant(self, name: str) -> Known | None:
        return self.outer.get(name)

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
            return (
                self._list(operand.value, kind)
                if _is_list(operand.value)
                else self._number(operand.value, kind)
            )
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

    def _list(self, items: Expr, kind: str) -> str:
        assert isinstance(items, Items)
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

    def _is_free(self, value: str) -> bool:
        return value in self._free

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
        if self._is_free(step.source):
            self._free.add(step.value)
            self.made.free[step.value] = [*self.made.free.get(step.source, []), call % ", ".join(again)]


def call_lines(
    binding: TorchCall,
    op: Op,
    args: list[str],
    written: Mapping[int | str, str],
    values: Mapping[str, str],
    names: Mapping[str, str],
) -> list[str]:
    """The call, and a line for each result that is used."""
    target = torch_name(binding.target)
    is_list = len(op.results) == 1 and isinstance(op.results[0].type, Plain)
    in_place = writes(binding)
    stem = (
        variable(op.name) if not any(name == variable(op.name) for name in names.values()) else f"{op.name}_"
    )
    if not in_place and not is_list and len(binding.results) == 1:
        value = next((values[r] for r in binding.results if r is not None and r in values), None)
        return [f"{names[value] if value is not None else stem} = {target}({', '.join(args)})"]
    lines = []
    if in_place:
        returned = any(result in values for result in binding.results)
        lines.append(
            f"{f'{stem}_returns' if returned else '_'}, {stem} = functionalized({', '.join([target, *args])})"
        )
        lines += [f"{names[value]} = {stem}[{literal(key)}]" for key, value in written.items()]
        lines += [
            f"{names[values[result]]} = {stem}_returns[{index}]"
            for index, result in enumerate(binding.results)
            if result is not None and result in values
        ]
        return lines
    lines.append(f"{stem} = {target}({', '.join(args)})")
    if is_list:
        return lines + [
            f"{names[value]} = {stem}[{result.rsplit('.', 1)[1]}]" for result, value in values.items()
        ]
    return lines + [
        f"{names[values[result]]} = {stem}[{index}]"
        for index, result in enumerate(binding.results)
        if result is not None and result in values
    ]


def writes(binding: TorchCall) -> bool:
    """Whether the torch op writes to an operand, so that graphs hold it functionalised."""
    return any(isinstance(arg, (Out, Mut, Same)) for _, arg in binding.args)


def guard_lookup(
    step: Step, op: Op, made: Spelling, types: ValueTypes, outer: Mapping[str, Known], view: bool
) -> Lookup:
    """What names in a binding's guard, or in an op's `where`, stand for at a step of the left side."""
    operands = dict(step.operands)

    def lookup(name: str) -> Known | None:
        if name in op.param:
            return _operand_known(operands.get(name), op.param[name], made, types, outer)
        for param in op.params:
            declared = param.type
            if isinstance(declared, Tensor) and declared.dtype == DtypeVar(name):
                known = _operand_known(operands.get(param.name), param, made, types, outer)
                if isinstance(known, TensorCode) and known.dtype is not None:
                    return known.dtype
        for param in op.params:
            declared = param.type
            operand = operands.get(param.name)
            if (
                isinstance(declared, Tensor)
                and Ref(name) in declared.dims
                and isinstance(operand, (Use, Through))
            ):
                meta = types.left.types.get(operand.value)
                if meta is not None:
                    return types.dim(meta.dims[declared.dims.index(Ref(name)) - len(declared.dims)])
        return outer.get(name)

    return lookup


def _operand_known(
    operand: Operand | None, param: Param, made: Spelling, types: ValueTypes, outer: Mapping[str, Known]
) -> Known | None:
    if isinstance(operand, Use):
        if operand.value in made.fixed:
            return made.fixed[operand.value]
        if param.is_tensor:
            return types.tensor(operand.value)
        return types.scalars.get(variable(operand.value))
    if isinstance(operand, Through):
        known = types.tensor(operand.value)
        if types.left.case.view == "same":
            return TensorCode(None, known.dtype, known.rank)
        return TensorCode(None, known.dtype, Lit(2))
    if isinstance(operand, Const):
        return ExprToPython(
            lambda name: made.fixed.get(name) or types.scalars.get(variable(name)) or outer.get(name)
        ).value(operand.value)
    return None


def conditions_of(
    made: Spelling,
    pattern: Pattern,
    ops: Mapping[str, Op],
    types: ValueTypes,
    outer: Mapping[str, Known],
    view: bool,
) -> list[Condition]:
    """What a match of this spelling has to meet: the bindings' guards, what derived numbers are, the pattern's `where`.
    Raises UnsayableError.
    """
    host_functions = frozenset(
        name for name, known in outer.items() if isinstance(known, Code) and known.kind == "host"
    )
    found: list[Condition] = []
    for step, guard in made.guards:
        lookup = guard_lookup(step, ops[step.op], made, types, outer, view)
        found.append(ExprToPython(lookup, host_functions).condition(guard))

    def named(name: str) -> Known | None:
        return pattern_name(name, made, types, outer)

    for step in (each for each in pattern.left.steps if isinstance(each, Step)):
        for result, value in step.results:
            declared = ops[step.op].result[result].type if value in made.buffers else None
            if isinstance(declared, Tensor) and not isinstance(declared.dtype, DtypeSet):
                dtype = _dtype_of(declared.dtype, guard_lookup(step, ops[step.op], made, types, outer, view))
                found.append(Condition(f"{made.buffers[value]}.dtype == {python(dtype)}"))

    for name, expr in made.derived.items():
        found.append(ExprToPython(named).condition(Binary("==", Ref(name), expr)))
    for name, options in made.options.items():
        found.append(ExprToPython(named).condition(Member(Ref(name), options)))
    for expr in pattern.where:
        found.append(ExprToPython(named, host_functions).condition(expr))
    found += _typed_inputs(types)
    return found


def _dtype_of(dtype: Dtype | DtypeVar | DtypeOf, lookup: Lookup) -> Known:
    if isinstance(dtype, Dtype):
        return Lit(dtype)
    found = lookup(dtype.name if isinstance(dtype, DtypeVar) else dtype.parameter)
    if found is None:
        raise UnsayableError("nothing in a match tells the dtype of a buffer")
    return found


def pattern_name(name: str, made: Spelling, types: ValueTypes, outer: Mapping[str, Known]) -> Known | None:
    if name in made.fixed:
        return made.fixed[name]
    if variable(name) in types.scalars:
        return types.scalars[variable(name)]
    if variable(name) in types.tensors or name in types.left.types:
        return types.tensor(name)
    return types.named(name) or outer.get(name) or types.first_dim(name)


def _typed_inputs(types: ValueTypes) -> list[Condition]:
    """The declared types of what a match hands over, as far as one value tells of another."""
    found = []
    for name, optional in types.tensors.items():
        if name not in types.left.types:
            raise UnsayableError(f"the type of `{name}` is not known")
        meta = types.left.types[name]
        if meta is None:
            continue
        parts = []
        dtype = types.dtype(meta.dtype)
        if dtype is not None and python(dtype) != f"{name}.dtype":
            parts.append(f"{name}.dtype == {python(dtype)}")
        parts += _ranks(name, types)
        for other, at, dim in types.dims_of_tensors():
            source = types.dim(dim) if other == name else None
            if source is not None and python(source) != f"{name}.shape[{at}]":
                parts.append(f"known({name}.shape[{at}] == {python(source)})")
        whole = all_of([Condition(part) for part in parts])
        if optional and parts:
            whole = any_of([Condition(f"{name} is None"), whole])
        found.append(whole)
    return found


def _ranks(name: str, types: ValueTypes) -> list[str]:
    if not types.is_open(name):
        return [f"{name}.dim() == {types.tail(name)}"]
    leading = types.leading(name)
    tail = types.tail(name)
    own = f"{name}.shape[:-{tail}]" if tail else f"{name}.shape"
    if leading is not None and leading != own:
        return [f"same_dims({own}, {leading})"]
    return [f"{name}.dim() >= {tail}"] if tail else []


def solved(guard: Expr | None) -> Iterator[tuple[str, Lit]]:
    """Parameters that a guard says the value of."""
    if isinstance(guard, Binary) and guard.op == "and":
        yield from solved(guard.left)
        yield from solved(guard.right)
    elif (
        isinstance(guard, Binary)
        and guard.op == "=="
        and isinstance(guard.left, Ref)
        and isinstance(guard.right, Lit)
    ):
        yield guard.left.name, guard.right
    elif isinstance(guard, Unary) and guard.op == "not" and isinstance(guard.operand, Ref):
        yield guard.operand.name, Lit(False)
    elif isinstance(guard, Unary) and guard.op == "not" and isinstance(guard.operand, Binary):
        if guard.operand.op == "or":
            yield from solved(Unary("not", guard.operand.left))
            yield from solved(Unary("not", guard.operand.right))
    elif isinstance(guard, Ref):
        yield guard.name, Lit(True)


def _params_of(arg: TemplateArg) -> Iterator[str]:
    if isinstance(arg, Give):
        yield from names_in(arg.value)
    elif isinstance(arg, (Mut, Same)):
        yield arg.param
    elif isinstance(arg, Nested):
        for _, inner in arg.args:
            yield from _params_of(inner)


def default_of(param: Param) -> Lit | None:
    if isinstance(param.default, NoDefault):
        return None
    if isinstance(param.default, Lit):
        return param.default
    try:
        return Lit(evaluate(param.default, Scope({})))
    except EvaluationError:
        return None


def _is_list(expr: Expr) -> bool:
    return isinstance(expr, Items)


def _name_of(expr: Expr) -> str:
    if isinstance(expr, Binary):
        return f"{_name_of(expr.left)}_{_NAMED.get(expr.op, 'and')}_{_name_of(expr.right)}"
    if isinstance(expr, Ref):
        return expr.name
    return re.sub(r"\W", "_", str(getattr(expr, "value", "number")))
