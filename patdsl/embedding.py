"""Left sides compared: does one hold wherever the other does, can both hold at the same nodes.

In: two patterns. Out: yes or no, by searching for a mapping of the steps of the one to steps of the other. Conditions
are compared on the values that they name; what cannot be decided counts as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import attrs

from patdsl.expr import (
    UNKNOWN,
    Binary,
    EvaluationError,
    Expr,
    Lit,
    Member,
    Ref,
    Scope,
    Unary,
    evaluate,
    names_in,
)
from patdsl.graph import Pattern
from patdsl.op_table import Anything, Const, FanOut, OneOf, Op, Operand, Step, Through, Use, Values

#: Assignments of values to conditions' names that are tried.
MOST_TRIED = 4096


def embeds(small: Pattern, large: Pattern, ops: Mapping[str, Op]) -> bool:
    """Does `small` hold, and pay, wherever `large` holds? Then a pass of `small` leaves nothing for `large`."""
    if small.where or small.targets:
        return False
    mine, theirs = _steps(small, ops), _steps(large, ops)
    if not mine or len(mine) > len(theirs):
        return False
    return any(_pays(small, large, mapping) for mapping in _mappings(small, large, mine, theirs, ops, False))


def may_coincide(one: Pattern, other: Pattern, ops: Mapping[str, Op]) -> bool:
    """Can both hold with the same costly nodes?"""
    mine, theirs = _steps(one, ops), _steps(other, ops)
    if len(mine) != len(theirs) or sorted(step.op for step in mine) != sorted(step.op for step in theirs):
        return False
    return any(
        _conditions_meet(one, other, mapping) for mapping in _mappings(one, other, mine, theirs, ops, True)
    )


def _steps(pattern: Pattern, ops: Mapping[str, Op]) -> list[Step]:
    return [step for step in pattern.left.steps if isinstance(step, Step) and not ops[step.op].free]


@attrs.frozen
class _Mapping:
    """`steps`: label -> the other's step; `names`: value or capture -> the other's operand."""

    steps: Mapping[str, Step]
    names: Mapping[str, Operand]


def _mappings(
    one: Pattern,
    other: Pattern,
    mine: Sequence[Step],
    theirs: Sequence[Step],
    ops: Mapping[str, Op],
    overlap: bool,
) -> Iterator[_Mapping]:
    """Ways to map the steps of `one` to steps of `other`; `overlap`: constraints need only not contradict."""
    mine_out = {fan_out.name: fan_out for fan_out in one.left.fan_outs}
    their_out = {fan_out.name: fan_out for fan_out in other.left.fan_outs}

    def extend(index: int, mapping: _Mapping) -> Iterator[_Mapping]:
        if index == len(mine):
            yield mapping
            return
        step = mine[index]
        for candidate in theirs:
            if candidate.op != step.op or candidate in mapping.steps.values():
                continue
            if not _counts_fit(
                mine_out.get(step.fan_out or ""), their_out.get(candidate.fan_out or ""), overlap
            ):
                continue
            for operands in _orders(candidate, ops[step.op]):
                names = _operands_fit(step, operands, mapping.names, overlap)
                if names is None:
                    continue
                results = dict(candidate.results)
                for result, value in step.results:
                    if result in results:
                        names[value] = Use(results[result])
                yield from extend(index + 1, _Mapping({**mapping.steps, step.label: candidate}, names))

    yield from extend(0, _Mapping({}, {}))


def _orders(step: Step, op: Op) -> list[dict[str, Operand]]:
    operands = dict(step.operands)
    tensors = [param.name for param in op.params if param.is_tensor]
    if not op.commutative or len(tensors) < 2:
        return [operands]
    first, second = tensors[:2]
    return [operands, {**operands, first: operands[second], second: operands[first]}]


def _counts_fit(mine: FanOut | None, theirs: FanOut | None, overlap: bool) -> bool:
    low, high = (1, 1) if mine is None else (mine.low, mine.high)
    other_low, other_high = (1, 1) if theirs is None else (theirs.low, theirs.high)
    if overlap:
        return (high is None or other_low <= high) and (other_high is None or low <= other_high)
    return low <= other_low and (high is None or (other_high is not None and other_high <= high))


def _operands_fit(
    step: Step, theirs: Mapping[str, Operand], names: Mapping[str, Operand], overlap: bool
) -> dict[str, Operand] | None:
    bound = dict(names)
    for param, operand in step.operands:
        if not _operand_fits(operand, theirs[param], bound, overlap):
            return None
    return bound


def _operand_fits(mine: Operand, theirs: Operand, bound: dict[str, Operand], overlap: bool) -> bool:
    if isinstance(mine, Anything):
        return True
    if isinstance(theirs, Anything):
        return overlap or isinstance(mine, (Use, Through))
    if isinstance(mine, (Use, Through)):
        name = mine.value
        if isinstance(mine, Through) and mine.at_least and not isinstance(theirs, Through) and not overlap:
            return False
        seen = bound.setdefault(name, theirs)
        return (
            seen is theirs or _plain(seen) == _plain(theirs) or (overlap and not _both_values(seen, theirs))
        )
    if isinstance(mine, OneOf):
        bound.setdefault(mine.name, theirs)
        return overlap or _within(theirs, mine.options)
    if isinstance(mine, Values):
        return (
            isinstance(theirs, Values)
            and len(mine.items) == len(theirs.items)
            and all(
                _operand_fits(a, b, bound, overlap) for a, b in zip(mine.items, theirs.items, strict=True)
            )
        )
    if isinstance(theirs, Const):
        closed = not names_in(mine.value) and not names_in(theirs.value)
        return mine.value == theirs.value or (overlap and not closed)
    if isinstance(theirs, OneOf):
        return overlap and mine.value in theirs.options
    return overlap


def _both_values(one: Operand, other: Operand) -> bool:
    return isinstance(one, (Use, Through)) and isinstance(other, (Use, Through))


def _plain(operand: Operand) -> Operand:
    return Use(operand.value) if isinstance(operand, Through) else operand


def _within(theirs: Operand, options: tuple[Expr, ...]) -> bool:
    if isinstance(theirs, Const):
        return theirs.value in options
    return isinstance(theirs, OneOf) and all(option in options for option in theirs.options)


def _pays(small: Pattern, large: Pattern, mapping: _Mapping) -> bool:
    """No other op of `large` reads a value that `small` leaves dead without replacing it."""
    replaced = {one.left for one in small.replaces}
    taken = {step.label for step in mapping.steps.values()}
    dead = set()
    for step in small.left.steps:
        if isinstance(step, Step):
            for _, value in step.results:
                operand = mapping.names.get(value)
                if value not in replaced and isinstance(operand, Use):
                    dead.add(operand.value)
    for step in large.left.steps:
        if isinstance(step, Step) and step.label not in taken:
            for _, operand in step.operands:
                if isinstance(operand, (Use, Through)) and operand.value in dead:
                    return False
    return True


def _conditions_meet(one: Pattern, other: Pattern, mapping: _Mapping) -> bool:
    """Is there an assignment of the names that the conditions read under which both patterns' conditions hold?"""
    translated: dict[str, Expr] = {}
    for name, operand in mapping.names.items():
        if isinstance(operand, Use):
            translated[name] = Ref(f"their {operand.value}")
        elif isinstance(operand, Const):
            translated[name] = operand.value
        elif isinstance(operand, OneOf):
            translated[name] = Ref(f"their {operand.name}")
    mine = [*one.where, *_sets(one)]
    theirs = [*other.where, *_sets(other)]
    conditions = [_translate(condition, translated, "my ") for condition in mine]
    conditions += [_translate(condition, {}, "their ") for condition in theirs]
    names = sorted({name for condition in conditions for name in names_in(condition)})
    if not names:
        return True
    values = sorted({value for condition in conditions for value in _numbers(condition)}) or [0]
    tried = sorted({near for value in values for near in (value - 1, value, value + 1)})
    if len(tried) ** len(names) > MOST_TRIED:
        return True
    return any(
        all(_holds(condition, dict(zip(names, choice, strict=True))) for condition in conditions)
        for choice in product(tried, repeat=len(names))
    )


def _sets(pattern: Pattern) -> list[Expr]:
    return [
        Member(Ref(operand.name), operand.options)
        for step in pattern.left.steps
        if isinstance(step, Step)
        for _, operand in step.operands
        if isinstance(operand, OneOf)
    ]


def _translate(condition: Expr, by: Mapping[str, Expr], prefix: str) -> Expr:
    from patdsl.rewrite_names import rename

    return rename(condition, {name: by.get(name, Ref(prefix + name)) for name in names_in(condition)})


def _numbers(expr: Expr) -> Iterator[float]:
    if isinstance(expr, Lit) and isinstance(expr.value, (int, float)) and not isinstance(expr.value, bool):
        yield expr.value
    elif isinstance(expr, Unary):
        yield from _numbers(expr.operand)
    elif isinstance(expr, Binary):
        yield from _numbers(expr.left)
        yield from _numbers(expr.right)
    elif isinstance(expr, Member):
        for option in (expr.item, *expr.options):
            yield from _numbers(option)


def _holds(condition: Expr, names: Mapping[str, float]) -> bool:
    """False only where the condition certainly does not hold: open questions count as possible."""
    try:
        held = evaluate(condition, Scope(names))
    except (EvaluationError, TypeError, KeyError):
        return True
    return held is UNKNOWN or held is not False
