"""A right side as Python: the function whose trace torch puts in the place of a match.

In: a pattern, a spelling of its left side, the types of its values, one torch op for each step. Out: `Replacement`: the
function's lines, what each replaced value becomes, the buffers it takes from the match, and what the ops ask for.
"""

from __future__ import annotations

from collections.abc import Mapping

from patdsl.compiler.to_vllm.call_to_lines import call_lines, torch_name
from patdsl.compiler.to_vllm.expr_to_python import (
    Condition,
    ExprToPython,
    Known,
    Lookup,
    TensorCode,
    UnsayableError,
    literal,
    python,
)
from patdsl.compiler.to_vllm.guards import default_of
from patdsl.compiler.to_vllm.names_of_ops import declared_at, in_code, pattern_name, star_of
from patdsl.compiler.to_vllm.pattern_to_choices import right_steps
from patdsl.compiler.to_vllm.python_lines import tuple_text
from patdsl.compiler.to_vllm.spelling import Line, Replacement, Spelling
from patdsl.compiler.to_vllm.supplied_to_python import host_functions
from patdsl.compiler.to_vllm.value_types import ValueTypes
from patdsl.compiler.to_vllm.variable_names import variable
from patdsl.expr import Expr, Func, Items, Lit, Ref, Star
from patdsl.graph import Pattern, Replace, RightStep, RightView
from patdsl.op_table import (
    Const,
    DtypeOf,
    DtypeVar,
    Give,
    Mut,
    Nested,
    Op,
    Out,
    Same,
    Temp,
    TemplateArg,
    Tensor,
    TorchCall,
    Use,
    reached,
)


class RightToPython:
    """Writes one choice of kernels for one spelling. `types` holds both without and with optional views."""

    def __init__(
        self,
        pattern: Pattern,
        ops: Mapping[str, Op],
        chosen: tuple[TorchCall, ...],
        left: Spelling,
        types: ValueTypes,
        viewed: ValueTypes | None,
        outer: Mapping[str, Known],
    ) -> None:
        self.pattern, self.ops, self.left, self.outer = pattern, ops, left, outer
        self.types, self.viewed = types, viewed
        self.chosen = dict(zip(map(id, right_steps(pattern)), chosen, strict=True))
        self.made = Replacement()
        self._names: dict[str, str] = {}
        self._replaces = {replace.right: replace for replace in pattern.replaces}

    def run(self) -> Replacement:
        """Raises UnsayableError."""
        for step in self.pattern.right:
            if isinstance(step, RightView):
                self._view(step)
            else:
                self._step(step, self.chosen[id(step)])
        for replace in self.pattern.replaces:
            self.made.values[replace.left] = self._result(replace)
        return self.made

    def conditions(self, types: ValueTypes) -> list[Condition]:
        """What the chosen ops and their declarations ask for, with these types of the left side."""
        found = []
        hosts = host_functions(self.outer)
        for step in right_steps(self.pattern):
            op = self.ops[step.op]
            lookup = self._lookup(step, op, types)
            for guard in (self.chosen[id(step)].guard, *op.where):
                if guard is not None:
                    found.append(ExprToPython(lookup, hosts).condition(guard))
            for name in step.flatten:
                arg = dict(step.args)[name]
                declared = op.param[name].type
                if not isinstance(arg, Use) or not isinstance(declared, Tensor):
                    continue
                if variable(arg.value) in types.tensors:
                    found.append(Condition(f"{variable(arg.value)}.dim() >= {len(declared.dims)}"))
        return found

    # Steps

    def _step(self, step: RightStep, binding: TorchCall) -> None:
        op = self.ops[step.op]
        each = step.fan_out is not None
        values = dict(step.results)
        known = {name: self._arg(step, op, name, each) for name, _ in step.args}
        args: list[str] = []
        written: dict[int | str, str] = {}
        viewed: list[str] = []
        for key, arg in binding.args:
            text = self._argument(arg, step, op, known, values)
            args.append(text if isinstance(key, int) else f"{key}={text}")
            result = arg.result if isinstance(arg, (Out, Mut)) else None
            if result is not None and result in values:
                written[key] = values[result]
                if isinstance(arg, Out) and arg.view_as is not None:
                    viewed.append(values[result])
        self.made.ops.setdefault(binding.target)
        names = {value: self._new(value) for value in values.values()}
        lines = call_lines(binding, op, args, written, values, names)
        for value in viewed:
            buffer = self._buffer_of(value)
            if buffer is None:
                raise UnsayableError(f"nothing says the dtype that `{value}` is seen as")
            lines.append(f"{names[value]} = {names[value]}.view({buffer}.dtype)")
        self.made.lines += [Line(text, each) for text in lines]

    def _arg(self, step: RightStep, op: Op, name: str, each: bool) -> str:
        arg = dict(step.args)[name]
        if isinstance(arg, Const):
            if isinstance(arg.value, Items):
                return f"[{', '.join(python(self._expr(item)) for item in arg.value.items)}]"
            return python(self._expr(arg.value))
        if not isinstance(arg, Use):
            raise UnsayableError(f"`{name}` of `{op.name}` is a list of values")
        if not op.param[name].is_tensor:
            return python(self._expr(Ref(arg.value)))
        text = self._value(arg.value)
        declared = op.param[name].type
        if name not in step.flatten or not isinstance(declared, Tensor):
            return text
        if arg.value in self.types.left.types and not self.types.is_open(arg.value):
            return text
        rows = f"{text}_rows" if text.isidentifier() else f"{variable(name)}_rows"
        behind = len(declared.dims) - 1
        tail = f"{text}.shape[-1]" if behind == 1 else f"*{text}.shape[-{behind}:]"
        line = Line(f"{rows} = {text}.reshape(-1, {tail})", each)
        if line not in self.made.lines:
            self.made.lines.append(line)
        return rows

    def _value(self, name: str) -> str:
        if name in self._names:
            return self._names[name]
        if name in self.left.fixed:
            return literal(self.left.fixed[name].value)
        if name in self.left.free:
            for text in self.left.free[name]:
                if Line(text) not in self.made.lines:
                    self.made.lines.append(Line(text))
            return self.left.names[name]
        if variable(name) in self.left.params:
            return variable(name)
        raise UnsayableError(f"the replacement reads `{name}`, which is inside the match")

    def _argument(
        self, arg: TemplateArg, step: RightStep, op: Op, known: Mapping[str, str], values: Mapping[str, str]
    ) -> str:
        if isinstance(arg, Give):
            if isinstance(arg.value, Ref) and arg.value.name in op.param:
                return self._given(arg.value.name, op, known)
            lookup = in_code(step, op, known, self.left, self.outer)
            return python(ExprToPython(lookup).value(arg.value))
        if isinstance(arg, (Mut, Same)):
            return self._given(arg.param, op, known)
        if isinstance(arg, Out):
            value = values.get(arg.result)
            buffer = self._buffer_of(value) if value is not None else None
            if buffer is not None and value is not None:
                self.made.buffers.setdefault(self._replaces[value].left)
                if step.flatten and self._replaces[value].view:
                    buffer = f"{buffer}.reshape(-1, {buffer}.shape[-1])"
                return f"{buffer}.view({literal(arg.view_as)})" if arg.view_as is not None else buffer
            return self._empty(op.result[arg.result].type, step, op, known)
        if isinstance(arg, Temp):
            return self._empty(arg.type, step, op, known)
        return self._nested(arg, step, op, known, values)

    def _given(self, name: str, op: Op, known: Mapping[str, str]) -> str:
        if name in known:
            return known[name]
        default = default_of(op.param[name])
        if default is None:
            raise UnsayableError(f"`{name}` of `{op.name}` has no value")
        return literal(default.value)

    def _nested(
        self, arg: Nested, step: RightStep, op: Op, known: Mapping[str, str], values: Mapping[str, str]
    ) -> str:
        inner = self.ops[arg.op]
        binding = next((each for each in reached(arg.op, self.ops) if isinstance(each, TorchCall)), None)
        if binding is None:
            raise UnsayableError(f"`{arg.op}` is no op of torch")
        given = {name: self._argument(part, step, op, known, values) for name, part in arg.args}
        args = [
            (text if isinstance(key, int) else f"{key}={text}")
            for key, part in binding.args
            if isinstance(part, Give) and isinstance(part.value, Ref)
            for text in [given.get(part.value.name) or self._given(part.value.name, inner, {})]
        ]
        return f"{torch_name(binding.target)}({', '.join(args)})"

    # Buffers

    def _buffer_of(self, value: str) -> str | None:
        replace = self._replaces.get(value)
        return self.left.buffers.get(replace.left) if replace is not None else None

    def _empty(self, declared: object, step: RightStep, op: Op, known: Mapping[str, str]) -> str:
        if not isinstance(declared, Tensor):
            raise UnsayableError(f"nothing says the shape of a buffer of `{op.name}`")
        lookup = in_code(step, op, known, self.left, self.outer)
        dims = []
        for dim in declared.dims:
            if isinstance(dim, Star):
                dims.append(f"*{star_of(dim.name, op, known)}")
            else:
                dims.append(python(ExprToPython(lookup).value(dim)))
        dtype = declared.dtype
        if isinstance(dtype, (DtypeVar, DtypeOf)):
            name = dtype.name if isinstance(dtype, DtypeVar) else dtype.parameter
            found = lookup(name)
            if found is None:
                raise UnsayableError(f"nothing says the dtype of a buffer of `{op.name}`")
            text = python(found)
        else:
            text = literal(dtype)
        first = next(known[param.name] for param in op.params if param.is_tensor and param.name in known)
        return f"torch.empty({tuple_text(dims)}, dtype={text}, device={first}.device)"

    # Views and results

    def _view(self, step: RightView) -> None:
        source = self._value(step.source)
        name = self._new(step.value)
        self.made.lines.append(
            Line(f"{name} = {source}.reshape({self._dims(step.dims)})", step.fan_out is not None)
        )

    def _dims(self, dims: Expr) -> str:
        if isinstance(dims, Func) and dims.name == "shape" and isinstance(dims.args[0], Ref):
            return f"{self._value(dims.args[0].name)}.shape"
        if not isinstance(dims, Items):
            raise UnsayableError("a view of computed dims")
        found: list[str] = []
        open_dims = 0
        for item in dims.items:
            if isinstance(item, Star):
                raise UnsayableError(f"a view over `*{item.name}`")
            try:
                text = "-1" if item == Ref("_") else python(self._expr(item))
            except UnsayableError:
                text = "-1"
            open_dims += text == "-1"
            found.append(text)
        if open_dims > 1:
            raise UnsayableError("a match does not tell the dims of a view on the right")
        return ", ".join(found)

    def _expr(self, expr: Expr) -> Known:
        compiled = ExprToPython(lambda name: pattern_name(name, self.left, self.types, self.outer))
        known = compiled.value(expr)
        if isinstance(known, TensorCode):
            raise UnsayableError("a tensor stands where a number does")
        self.made.conditions += [Condition(side) for side in compiled.sides]
        return known

    def _result(self, replace: Replace) -> str:
        text = self._value(replace.right)
        types = self.types
        if not replace.view or types.left.types.get(replace.left) is None or not types.is_open(replace.left):
            return text
        leading = types.leading(replace.left)
        if leading is None:
            raise UnsayableError(f"a match does not tell the leading dims of `{replace.left}`")
        if self.viewed is not None and not self.viewed.is_open(replace.left):
            self.made.has_lead = True
            self.made.lines.insert(0, Line(f"lead = (-1,) if view else {leading}"))
            leading = "lead"
        self.made.lines = list(dict.fromkeys(self.made.lines))
        tail = types.tail(replace.left)
        behind = f", {text}.shape[-1]" if tail == 1 else f", *{text}.shape[-{tail}:]" if tail else ""
        return f"{text}.reshape(*{leading}{behind})"

    def _new(self, value: str) -> str:
        name = variable(value.removeprefix("new_"))
        while name in self.left.params or name in self._names.values():
            name += "_"
        self._names[value] = name
        return name

    def _lookup(self, step: RightStep, op: Op, types: ValueTypes) -> Lookup:
        """What names in guards of the op stand for, as a match tells it."""
        args = dict(step.args)

        def of(name: str) -> Known | None:
            arg = args.get(name)
            if isinstance(arg, Use):
                return pattern_name(arg.value, self.left, types, self.outer)
            if isinstance(arg, Const) and not isinstance(arg.value, Items):
                return self._expr(arg.value)
            return default_of(op.param[name])

        def lookup(name: str) -> Known | None:
            if name in op.param:
                return of(name)
            for param, at in declared_at(name, op):
                if at is None:
                    known = of(param.name)
                    if isinstance(known, TensorCode) and known.dtype is not None:
                        return known.dtype
                    if isinstance(known, Lit):
                        return known
                    continue
                arg = args.get(param.name)
                meta = types.left.types.get(arg.value) if isinstance(arg, Use) else None
                if meta is not None and (param.name not in step.flatten or at == -1):
                    return types.dim(meta.dims[at])
            return self.outer.get(name)

        return lookup
