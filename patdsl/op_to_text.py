"""Declared ops as a listing that a person can read: the whole declaration, or how graphs spell it.

In: an `Op`. Out: lines in the language's words; used by `patdsl show`. Not a format to parse.
"""

from __future__ import annotations

from patdsl.op_table import (
    Binding,
    DeclaredCall,
    Give,
    Mut,
    Native,
    Nested,
    Op,
    Out,
    Same,
    Step,
    Temp,
    TemplateArg,
    TorchCall,
)
from patdsl.resolved_to_text import expr_text, signature_text, targets_text, type_text


def op_lines(op: Op) -> list[str]:
    """The declaration as resolved, one clause a line."""
    signature, _, results = signature_text(op).partition(" -> ")
    lines = [f"op {signature}  # {op.place}", f"    -> {results}"]
    lines += [f"  {'|' if index else '='} {binding_text(one)}" for index, one in enumerate(op.bindings)]
    return lines + [f"  {clause}" for clause in clauses(op)]


def clauses(op: Op) -> list[str]:
    """What stands after the bindings: `where H % 16 == 0`, `effect kv_cache read`, `ref module:function`, `free`."""
    found = [f"where {expr_text(condition)}" for condition in op.where]
    found += [f"effect {effect.name}{' read' if effect.read_only else ''}" for effect in op.effects]
    found += [f"ref {op.ref}"] if op.ref else []
    return found + [flag for flag in ("commutative", "free") if getattr(op, flag)]


def binding_text(binding: Binding) -> str:
    """How a graph spells the op, and where. A block of native ops is told by the names of its ops."""
    return f"{_spelling(binding)}{_limits(binding)}"


def binding_name(binding: Binding) -> str:
    """The same without the call template."""
    if isinstance(binding, Native):
        return f"{{ {len(binding.block.steps)} ops }}{_limits(binding)}"
    return f"{binding.op if isinstance(binding, DeclaredCall) else binding.target}{_limits(binding)}"


def _limits(binding: Binding) -> str:
    where = f"  on {targets_text(binding.targets)}" if binding.targets else ""
    where += f"  if {expr_text(binding.guard)}" if binding.guard is not None else ""
    return where


def _spelling(binding: Binding) -> str:
    if isinstance(binding, Native):
        steps = (step.op if isinstance(step, Step) else "view" for step in binding.block.steps)
        return f"{{ {', '.join(steps)} }}"
    if isinstance(binding, DeclaredCall):
        return f"{binding.op}({', '.join(f'{name}={_argument(arg)}' for name, arg in binding.args)})"
    args = (f"{'' if isinstance(at, int) else f'{at}='}{_argument(arg)}" for at, arg in binding.args)
    return f"{binding.target}({', '.join(args)}){_returns(binding)}"


def _returns(call: TorchCall) -> str:
    names = ", ".join(name or "_" for name in call.results)
    return f" -> ({names})" if len(call.results) > 1 else f" -> {names}" if names else ""


def _argument(arg: TemplateArg) -> str:
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
    assert isinstance(arg, Nested)
    return f"{arg.op}({', '.join(f'{name}={_argument(inner)}' for name, inner in arg.args)})"
