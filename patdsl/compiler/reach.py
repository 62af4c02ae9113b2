"""What a pass needs: the ops that its patterns reach, and the names that their expressions read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from patdsl.expr import Expr, Func, names_in
from patdsl.graph import Pattern, RightStep, RightView
from patdsl.op_table import (
    Anything,
    Binding,
    Block,
    Const,
    DeclaredCall,
    Give,
    Native,
    Nested,
    NoDefault,
    OneOf,
    Op,
    Operand,
    Step,
    Temp,
    TemplateArg,
    Tensor,
    TorchCall,
    Type,
    Values,
)


def reached_ops(patterns: Iterable[Pattern], table: Mapping[str, Op]) -> dict[str, Op]:
    """Every op that the patterns name, and those that their bindings name in turn, sorted by name."""
    return _closed([name for pattern in patterns for name in _pattern_ops(pattern)], table)


def sharing_effects(ops: Mapping[str, Op], table: Mapping[str, Op]) -> dict[str, Op]:
    """`ops` and whatever of `table` has an effect of theirs: what they may not be moved past."""
    effects = {effect.name for op in ops.values() for effect in op.effects}
    waiting = [name for name, op in table.items() if effects & {effect.name for effect in op.effects}]
    return _closed([*ops, *waiting], table)


def _closed(waiting: list[str], table: Mapping[str, Op]) -> dict[str, Op]:
    found: dict[str, Op] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = table[name]
            for binding in table[name].bindings:
                waiting.extend(_binding_ops(binding))
    return dict(sorted(found.items()))


def _pattern_ops(pattern: Pattern) -> Iterator[str]:
    yield from _block_ops(pattern.left)
    for step in pattern.right:
        if isinstance(step, RightStep):
            yield step.op
    for only in pattern.only:
        yield only.op


def _block_ops(block: Block) -> Iterator[str]:
    for step in block.steps:
        if isinstance(step, Step):
            yield step.op


def _binding_ops(binding: Binding) -> Iterator[str]:
    if isinstance(binding, Native):
        yield from _block_ops(binding.block)
        return
    if isinstance(binding, DeclaredCall):
        yield binding.op
    for _, arg in binding.args:
        yield from _template_ops(arg)


def _template_ops(arg: TemplateArg) -> Iterator[str]:
    if isinstance(arg, Nested):
        yield arg.op
        for _, inner in arg.args:
            yield from _template_ops(inner)


def reached_names(patterns: Sequence[Pattern], ops: Mapping[str, Op], when: Expr | None) -> frozenset[str]:
    """Every name that an expression of these reads: among them the constants and hosts that the pass needs."""
    exprs: list[Expr] = [] if when is None else [when]
    for pattern in patterns:
        exprs.extend(pattern.where)
        exprs.extend(_block_exprs(pattern.left))
        for item in pattern.inputs:
            if item.type is not None:
                exprs.extend(_type_exprs(item.type))
        for step in pattern.right:
            if isinstance(step, RightView):
                exprs.append(step.dims)
            else:
                for _, arg in step.args:
                    exprs.extend(_operand_exprs(arg))
    for op in ops.values():
        exprs.extend(op.where)
        for param in op.params:
            exprs.extend(_type_exprs(param.type))
            if not isinstance(param.default, NoDefault):
                exprs.append(param.default)
        for result in op.results:
            exprs.extend(_type_exprs(result.type))
        for binding in op.bindings:
            if binding.guard is not None:
                exprs.append(binding.guard)
            if isinstance(binding, Native):
                exprs.extend(_block_exprs(binding.block))
            elif isinstance(binding, (TorchCall, DeclaredCall)):
                for _, template in binding.args:
                    exprs.extend(_template_exprs(template))
    return frozenset(name for expr in exprs for name in (*names_in(expr), *_functions(expr)))


def _functions(expr: Expr) -> Iterator[str]:
    """Host functions stand among the names too."""
    if isinstance(expr, Func):
        yield expr.name
        for arg in expr.args:
            yield from _functions(arg)
        return
    for part in ("operand", "left", "right", "item"):
        inner = getattr(expr, part, None)
        if inner is not None:
            yield from _functions(inner)
    for parts in ("options", "items"):
        for inner in getattr(expr, parts, ()):
            yield from _functions(inner)


def _block_exprs(block: Block) -> Iterator[Expr]:
    for step in block.steps:
        if isinstance(step, Step):
            for _, operand in step.operands:
                yield from _operand_exprs(operand)
        else:
            yield from (dim for dim in step.dims if not isinstance(dim, Anything))


def _operand_exprs(operand: Operand) -> Iterator[Expr]:
    if isinstance(operand, Const):
        yield operand.value
    elif isinstance(operand, OneOf):
        yield from operand.options
    elif isinstance(operand, Values):
        for item in operand.items:
            yield from _operand_exprs(item)


def _template_exprs(arg: TemplateArg) -> Iterator[Expr]:
    if isinstance(arg, Give):
        yield arg.value
    elif isinstance(arg, Temp):
        yield from _type_exprs(arg.type)
    elif isinstance(arg, Nested):
        for _, inner in arg.args:
            yield from _template_exprs(inner)


def _type_exprs(declared: Type) -> Iterator[Expr]:
    if isinstance(declared, Tensor):
        yield from declared.dims
