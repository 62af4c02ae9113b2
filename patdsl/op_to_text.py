"""Declared ops as a `.pat` file writes them: signatures, bindings, steps of a block.

In: values of `op_table.py`. Out: lines of text for people; nothing reads them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from patdsl.expr_to_text import expr_text
from patdsl.op_table import (
    AnyTensor,
    Anything,
    Binding,
    Block,
    Const,
    DeclaredCall,
    DtypeOf,
    DtypeSet,
    DtypeTerm,
    DtypeVar,
    FanOut,
    Give,
    Mut,
    Native,
    Nested,
    NoDefault,
    On,
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
    Through,
    TorchCall,
    Type,
    Use,
    ViewStep,
)


def op_lines(op: Op) -> list[str]:
    """The declaration as resolved, one clause a line."""
    lines = [f"# {op.place}"] if op.place else []
    lines += [f"op {op.name}{params_text(op)}", f"    -> {results_text(op)}"]
    for index, binding in enumerate(op.bindings):
        first, *more = binding_lines(binding)
        lines.append(f"  {'|' if index else '='} {first}")
        lines += [f"    {line}" for line in more]
    lines += [f"  where {expr_text(condition)}" for condition in op.where]
    lines += [f"  effect {effect}" for effect in effects_text(op)]
    lines += [f"  ref {op.ref}"] if op.ref else []
    lines += [f"  {flag}" for flag in ("commutative", "free") if getattr(op, flag)]
    return lines


def dtype_text(dtype: DtypeTerm) -> str:
    if isinstance(dtype, DtypeSet):
        return f"{{{', '.join(map(str, dtype.names))}}}"
    if isinstance(dtype, DtypeVar):
        return dtype.name
    return dtype.parameter if isinstance(dtype, DtypeOf) else str(dtype)


def type_text(type_: Type) -> str:
    """`T[*B, H]`, `tensor`, `int[]`."""
    if isinstance(type_, AnyTensor):
        return "tensor"
    if isinstance(type_, Plain):
        return f"{type_.kind}[]" if type_.is_list else type_.kind
    return f"{dtype_text(type_.dtype)}[{', '.join(map(expr_text, type_.dims))}]"


def param_text(param: Param) -> str:
    default = "" if isinstance(param.default, NoDefault) else f" = {expr_text(param.default)}"
    return f"{param.name}: {type_text(param.type)}{'?' if param.optional else ''}{default}"


def params_text(op: Op) -> str:
    return f"({', '.join(map(param_text, op.params))})"


def results_text(op: Op) -> str:
    return f"({', '.join(f'{result.name}: {type_text(result.type)}' for result in op.results)})"


def effects_text(op: Op) -> list[str]:
    """`kv_cache`, `kv_cache read`."""
    return [f"{effect.name}{' read' if effect.read_only else ''}" for effect in op.effects]


def targets_text(targets: Iterable[On]) -> str:
    """`gfx942, sm_90+`."""
    return ", ".join(f"{target.name}{'+' if target.or_newer else ''}" for target in targets)


def binding_lines(binding: Binding) -> list[str]:
    """How a graph spells the op, and where: one line, or several for a block of ops."""
    where = f"  on {targets_text(binding.targets)}" if binding.targets else ""
    where += f"  if {expr_text(binding.guard)}" if binding.guard is not None else ""
    if isinstance(binding, Native):
        lines = block_lines(binding.block)
        return ["{", *(f"  {line}" for line in lines), f"}}{where}"]
    if isinstance(binding, DeclaredCall):
        args = (f"{name}={_argument_text(arg)}" for name, arg in binding.args)
        return [f"{binding.op}({', '.join(args)}){where}"]
    args = (
        _argument_text(arg) if isinstance(place, int) else f"{place}={_argument_text(arg)}"
        for place, arg in binding.args
    )
    return [f"{binding.target}({', '.join(args)}){_returns(binding)}{where}"]


def _returns(call: TorchCall) -> str:
    if not call.results:
        return ""
    names = ", ".join(name or "_" for name in call.results)
    return f" -> ({names})" if len(call.results) > 1 else f" -> {names}"


def _argument_text(arg: TemplateArg) -> str:
    if isinstance(arg, Give):
        return expr_text(arg.value)
    if isinstance(arg, Out):
        return f"out {arg.result}" + (f" as {arg.view_as}" if arg.view_as else "")
    if isinstance(arg, Mut):
        return f"mut {arg.param} -> {arg.result or '_'}"
    if isinstance(arg, Same):
        return f"same {arg.param}"
    if isinstance(arg, Temp):
        return f"temp {type_text(arg.type)}"
    return _nested_text(arg)


def _nested_text(arg: Nested) -> str:
    return f"{arg.op}({', '.join(f'{name}={_argument_text(inner)}' for name, inner in arg.args)})"


def block_lines(block: Block) -> list[str]:
    """The steps of a block, one a line: `y, scale = 2x group_quant(x=view?(norm), group_size=g)`."""
    fan_outs = {fan_out.name: fan_out for fan_out in block.fan_outs}
    return [step_text(step, fan_outs) for step in block.steps]


def step_text(step: Step | ViewStep, fan_outs: Mapping[str, FanOut]) -> str:
    times = times_text(step.fan_out, fan_outs)
    if isinstance(step, ViewStep):
        dims = ", ".join("_" if isinstance(dim, Anything) else expr_text(dim) for dim in step.dims)
        return f"{step.value} = {times}view({step.source}, [{dims}])"
    args = ", ".join(f"{name}={operand_text(operand)}" for name, operand in step.operands)
    results = ", ".join(value for _, value in step.results) or "_"
    return f"{results} = {times}{step.op}({args})"


def times_text(name: str | None, fan_outs: Mapping[str, FanOut]) -> str:
    """`2x `, `2..4x `, `1..x ` before a call that is made for every branch of the fan-out `name`, else nothing."""
    fan_out = fan_outs.get(name) if name else None
    if fan_out is None:
        return ""
    if fan_out.low == fan_out.high:
        return f"{fan_out.low}x "
    return f"{fan_out.low}..{'' if fan_out.high is None else fan_out.high}x "


def operand_text(operand: Operand) -> str:
    if isinstance(operand, Use):
        return operand.value
    if isinstance(operand, Through):
        return f"view{'?' if operand.at_least == 0 else ''}({operand.value})"
    if isinstance(operand, Const):
        return expr_text(operand.value)
    if isinstance(operand, OneOf):
        return f"{operand.name} in {{{', '.join(map(expr_text, operand.options))}}}"
    if isinstance(operand, Anything):
        return "_"
    return f"[{', '.join(map(operand_text, operand.items))}]"
