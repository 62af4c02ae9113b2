"""A pattern -> the same pattern broken in one place, in every way.

In: a pattern as a target reads it, and its ops. Out: `Mutant` values: what is broken, in words, and the broken
pattern. Changes the resolved pattern, not the text. A mutant that is the pattern again by what its declarations say
(the operands of a commutative op in another order) is not made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from patdsl.dtypes import Dtype
from patdsl.expr import Items, Lit, Unary
from patdsl.graph import Input, Pattern, Replace, RightStep
from patdsl.op_table import Block, Const, FanOut, OneOf, Op, Operand, Step, Tensor, Through, Use, ViewStep
from patdsl.resolved_to_text import expr_text


@attrs.frozen
class Mutant:
    """`line` is where in the file, 0 for the pattern's own line."""

    title: str
    pattern: Pattern
    line: int = 0


def mutants(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[Mutant]:
    """Every mutant that differs from the pattern."""
    seen = [pattern]
    for mutant in (
        *_edges(pattern, ops),
        *_literals(pattern, ops),
        *_counts(pattern),
        *_conditions(pattern),
        *_dtypes(pattern),
        *_right(pattern, ops),
        *_replaced(pattern),
        *_clauses(pattern, ops),
    ):
        if mutant.pattern not in seen:
            seen.append(mutant.pattern)
            yield mutant


def _with_operand(pattern: Pattern, at: int, param: str, operand: Operand) -> Pattern:
    step = pattern.left.steps[at]
    assert isinstance(step, Step)
    operands = tuple((name, operand if name == param else old) for name, old in step.operands)
    return _with_step(pattern, at, attrs.evolve(step, operands=operands))


def _with_step(pattern: Pattern, at: int, step: Step | ViewStep) -> Pattern:
    steps = (*pattern.left.steps[:at], step, *pattern.left.steps[at + 1 :])
    return attrs.evolve(pattern, left=attrs.evolve(pattern.left, steps=steps))


def _steps(pattern: Pattern) -> Iterator[tuple[int, Step]]:
    for at, step in enumerate(pattern.left.steps):
        if isinstance(step, Step):
            yield at, step


def _edges(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[Mutant]:
    """An operand is another value, a view is demanded or forbidden, two operands change places."""
    values: list[str] = []
    for at, step in enumerate(pattern.left.steps):
        if isinstance(step, ViewStep):
            values.append(step.value)
            continue
        op = ops[step.op]
        for param, operand in step.operands:
            if not op.param[param].is_tensor or not isinstance(operand, (Use, Through)):
                continue
            where = f"{param} of {step.label}"
            for other in values:
                if other != operand.value and _same_branch(pattern, other, step):
                    changed = attrs.evolve(operand, value=other)
                    yield Mutant(f"{where} is {other}", _with_operand(pattern, at, param, changed), step.line)
            if operand.value in values:
                loose = _with_input(pattern, f"loose_{param}")
                changed = attrs.evolve(operand, value=f"loose_{param}")
                yield Mutant(f"{where} is anything", _with_operand(loose, at, param, changed), step.line)
            others: list[Operand] = [Use(operand.value), Through(operand.value, 0), Through(operand.value, 1)]
            if operand.value in values:
                for one in others:
                    if one != operand:
                        title = f"{where}: {_edge_text(one)} instead of {_edge_text(operand)}"
                        yield Mutant(title, _with_operand(pattern, at, param, one), step.line)
        tensors = [name for name, operand in step.operands if op.param[name].is_tensor]
        if len(tensors) > 1 and not op.commutative:
            operands = dict(step.operands)
            first, second = tensors[:2]
            operands[first], operands[second] = operands[second], operands[first]
            swapped = attrs.evolve(step, operands=tuple(operands.items()))
            yield Mutant(
                f"{first} and {second} of {step.label} swapped", _with_step(pattern, at, swapped), step.line
            )
        values += [value for _, value in step.results]
        if len(step.results) > 1:
            names = [value for _, value in step.results]
            turned = tuple(
                (result, value)
                for (result, _), value in zip(step.results, names[1:] + names[:1], strict=True)
            )
            yield Mutant(
                f"the results of {step.label} in another order",
                _with_step(pattern, at, attrs.evolve(step, results=turned)),
                step.line,
            )


def _with_input(pattern: Pattern, name: str) -> Pattern:
    left = attrs.evolve(pattern.left, inputs=(*pattern.left.inputs, name))
    return attrs.evolve(pattern, left=left, inputs=(*pattern.inputs, Input(name)))


def _edge_text(operand: Operand) -> str:
    if isinstance(operand, Through):
        return "`view`" if operand.at_least else "`view?`"
    return "no view"


def _same_branch(pattern: Pattern, value: str, step: Step) -> bool:
    """Whether a step may read a value: one of its own branch, or of none."""
    for other in pattern.left.steps:
        made = [name for _, name in other.results] if isinstance(other, Step) else [other.value]
        if value in made:
            return other.fan_out in (None, step.fan_out)
    return True


def _literals(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[Mutant]:
    """A literal is another one, or anything; a set has one option less; a name that stands twice stands once."""
    uses: dict[str, int] = {}
    for _, step in _steps(pattern):
        for _, operand in step.operands:
            if isinstance(operand, (Use, Through)):
                uses[operand.value] = uses.get(operand.value, 0) + 1
    made = {value for _, step in _steps(pattern) for _, value in step.results}
    for at, step in _steps(pattern):
        for param, operand in step.operands:
            where = f"{param} of {step.label}"
            if isinstance(operand, Const):
                for other in _other_exprs(operand.value):
                    yield Mutant(
                        f"{where} is {expr_text(other)} instead of {expr_text(operand.value)}",
                        _with_operand(pattern, at, param, Const(other)),
                        step.line,
                    )
                if isinstance(operand.value, (Lit, Unary)):
                    loose = _with_input(pattern, f"any_{param}")
                    yield Mutant(
                        f"{where} is anything instead of {expr_text(operand.value)}",
                        _with_operand(loose, at, param, Use(f"any_{param}")),
                        step.line,
                    )
            elif isinstance(operand, OneOf):
                for option in range(len(operand.options)) if len(operand.options) > 1 else ():
                    options = operand.options[:option] + operand.options[option + 1 :]
                    title = f"{where} is not {expr_text(operand.options[option])}"
                    changed = attrs.evolve(operand, options=options)
                    yield Mutant(title, _with_operand(pattern, at, param, changed), step.line)
            elif isinstance(operand, Use) and operand.value not in made and uses[operand.value] > 1:
                loose = _with_input(pattern, f"other_{param}")
                title = f"{where} need not be the same `{operand.value}`"
                yield Mutant(title, _with_operand(loose, at, param, Use(f"other_{param}")), step.line)


def _other_exprs(value: Any) -> Iterator[Any]:
    if isinstance(value, Lit):
        other = _other(value.value)
        if other is not None:
            yield Lit(other)
    elif isinstance(value, Items):
        for at, item in enumerate(value.items):
            for other in _other_exprs(item):
                yield Items((*value.items[:at], other, *value.items[at + 1 :]))


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return f"{value}_other"
    if isinstance(value, Dtype):
        return Dtype("i8") if value != Dtype("i8") else Dtype("f32")
    return None


def _counts(pattern: Pattern) -> Iterator[Mutant]:
    for at, fan_out in enumerate(pattern.left.fan_outs):
        low, high = fan_out.low, fan_out.high
        ranges = {
            (low + 1, high),
            (low, low if high is None else high - 1),
            (low, None),
            (low, (high or low) + 1),
        }
        ranges |= {(low - 1, high)} if low > 1 else set()
        for new_low, new_high in sorted(ranges, key=str):
            if (new_low, new_high) == (low, high) or (new_high is not None and new_high < new_low):
                continue
            changed = FanOut(fan_out.name, new_low, new_high)
            fan_outs = (*pattern.left.fan_outs[:at], changed, *pattern.left.fan_outs[at + 1 :])
            left: Block = attrs.evolve(pattern.left, fan_outs=fan_outs)
            title = f"{fan_out.name} {new_low}..{new_high or 'x'} times instead of {low}..{high or 'x'}"
            yield Mutant(title, attrs.evolve(pattern, left=left))


def _conditions(pattern: Pattern) -> Iterator[Mutant]:
    for at, condition in enumerate(pattern.where):
        rest = pattern.where[:at] + pattern.where[at + 1 :]
        text = expr_text(condition)
        yield Mutant(f"without `where {text}`", attrs.evolve(pattern, where=rest))
        negated = attrs.evolve(pattern, where=(*rest, Unary("not", condition)))
        yield Mutant(f"`where not ({text})`", negated)


def _dtypes(pattern: Pattern) -> Iterator[Mutant]:
    for at, item in enumerate(pattern.inputs):
        if isinstance(item.type, Tensor) and isinstance(item.type.dtype, Dtype):
            other = Dtype("f16") if item.type.dtype != Dtype("f16") else Dtype("bf16")
            changed = attrs.evolve(item, type=attrs.evolve(item.type, dtype=other))
            inputs = (*pattern.inputs[:at], changed, *pattern.inputs[at + 1 :])
            yield Mutant(f"{item.name} is {other}", attrs.evolve(pattern, inputs=inputs))


def _right(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[Mutant]:
    """Two arguments of a call change places, a literal is another, its results come in another order."""
    for at, step in enumerate(pattern.right):
        if not isinstance(step, RightStep):
            continue
        op = ops[step.op]
        args = dict(step.args)
        names = [name for name in args if name in op.param]

        def put(changed: RightStep, at: int = at) -> Pattern:
            return attrs.evolve(pattern, right=(*pattern.right[:at], changed, *pattern.right[at + 1 :]))

        for index, one in enumerate(names):
            for other in names[index + 1 :]:
                if op.param[one].type != op.param[other].type and not _both_tensors(op, one, other):
                    continue
                if args[one] == args[other] or (op.commutative and {one, other} == set(_first_two(op))):
                    continue
                turned = {**args, one: args[other], other: args[one]}
                changed = attrs.evolve(step, args=tuple(turned.items()))
                yield Mutant(f"{one} and {other} of the new {step.op} swapped", put(changed), step.line)
        for name in names:
            operand = args[name]
            for literal in _other_exprs(operand.value) if isinstance(operand, Const) else ():
                changed = attrs.evolve(step, args=tuple({**args, name: Const(literal)}.items()))
                yield Mutant(f"{name} of the new {step.op} is {expr_text(literal)}", put(changed), step.line)
            declared = op.param[name]
            if isinstance(operand, Use) and (declared.optional or isinstance(declared.default, (Lit, Unary))):
                changed = attrs.evolve(step, args=tuple(pair for pair in step.args if pair[0] != name))
                yield Mutant(f"{name} of the new {step.op} is left out", put(changed), step.line)
        if len(step.results) > 1:
            values = [value for _, value in step.results]
            turned_results = tuple(
                (result, value)
                for (result, _), value in zip(step.results, values[1:] + values[:1], strict=True)
            )
            changed = attrs.evolve(step, results=turned_results)
            yield Mutant(f"the results of the new {step.op} in another order", put(changed), step.line)


def _both_tensors(op: Op, one: str, other: str) -> bool:
    return op.param[one].is_tensor and op.param[other].is_tensor


def _first_two(op: Op) -> tuple[str, ...]:
    return tuple(param.name for param in op.params if param.is_tensor)[:2]


def _replaced(pattern: Pattern) -> Iterator[Mutant]:
    """A value is replaced by another one's, or is not."""
    replaces = pattern.replaces
    for at, one in enumerate(replaces):
        if len(replaces) > 1:
            rest = replaces[:at] + replaces[at + 1 :]
            yield Mutant(f"{one.left} is not replaced", attrs.evolve(pattern, replaces=rest))
        for other in range(at + 1, len(replaces)):
            if replaces[other].right == one.right:
                continue
            pair: dict[int, Replace] = {
                at: attrs.evolve(one, right=replaces[other].right),
                other: attrs.evolve(replaces[other], right=one.right),
            }
            turned = tuple(pair.get(index, each) for index, each in enumerate(replaces))
            title = f"{one.left} and {replaces[other].left} get each other's values"
            yield Mutant(title, attrs.evolve(pattern, replaces=turned))


def _clauses(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[Mutant]:
    for name in pattern.keep:
        kept = tuple(each for each in pattern.keep if each != name)
        yield Mutant(f"without `keep {name}`", attrs.evolve(pattern, keep=kept))
    for only in pattern.only:
        rest = tuple(each for each in pattern.only if each != only)
        yield Mutant(
            f"without `only {only.value} -> {only.op}.{only.param}`", attrs.evolve(pattern, only=rest)
        )
    redefined = {replace.left for replace in pattern.replaces}
    for _, step in _steps(pattern):
        if ops[step.op].free:
            continue  # what costs nothing may stay as it is
        for _, value in step.results:
            if value not in pattern.keep and value not in redefined and step.fan_out is None:
                keep = attrs.evolve(pattern, keep=(*pattern.keep, value))
                yield Mutant(f"with `keep {value}`", keep, step.line)
