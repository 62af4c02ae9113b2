"""Left sides compared: does one hold wherever the other does, can both hold at the same nodes.

In: two patterns. Out: yes or no, by searching for a mapping of the steps of the one to steps of the other. Conditions
are compared on the values that they name; what cannot be decided counts as possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product

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
    if small.where or small.targets or small.only:
        return False
    # What is free must be there too; a view of a given shape may or may not fit, and counts as not.
    mine = [step for step in small.left.steps if isinstance(step, Step)]
    theirs = [step for step in large.left.steps if isinstance(step, Step)]
    if not _steps(small, ops) or len(mine) > len(theirs) or len(mine) < len(small.left.steps):
        return False
    return any(_pays(small, large, mapping) for mapping in _mappings(small, large, mine, theirs, ops, False))


def may_coincide(one: Pattern, other: Pattern, ops: Mapping[str, Op]) -> bool:
    """Can both hold with the same costly nodes? Each must be able to hold where the other does."""
    mine, theirs = _steps(one, ops), _steps(other, ops)
    if len(mine) != len(theirs) or sorted(step.op for step in mine) != sorted(step.op for step in theirs):
        return False
    return _may_hold_at(one, other, ops) and _may_hold_at(other, one, ops)


def _may_hold_at(one: Pattern, other: Pattern, ops: Mapping[str, Op]) -> bool:
    mine, theirs = _steps(one, ops), _steps(other, ops)
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
    made = frozenset(value for step in theirs for _, value in step.results)
    own = frozenset(value for step in mine for _, value in step.results)
    compared = _Compared(own, made, _above(other), overlap)

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
                names = _operands_fit(step, operands, mapping.names, compared)
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


@attrs.frozen
class _Compared:
    """`own` and `made`: the values that the steps of the one and of the other make; all others come in from outside.

    `above`: what each value of the other is made of.
    """

    own: frozenset[str]
    made: frozenset[str]
    above: Mapping[str, frozenset[str]]
    overlap: bool


def _operands_fit(
    step: Step, theirs: Mapping[str, Operand], names: Mapping[str, Operand], compared: _Compared
) -> dict[str, Operand] | None:
    bound = dict(names)
    for param, operand in step.operands:
        if not _operand_fits(operand, theirs[param], bound, compared):
            return None
    return bound


def _operand_fits(mine: Operand, theirs: Operand, bound: dict[str, Operand], compared: _Compared) -> bool:
    overlap = compared.overlap
    if isinstance(mine, Anything):
        return True
    if isinstance(theirs, Anything):
        return overlap or isinstance(mine, (Use, Through))
    if isinstance(mine, (Use, Through)):
        return _value_fits(mine, theirs, bound, compared)
    if isinstance(mine, OneOf):
        bound.setdefault(mine.name, theirs)
        return overlap or _within(theirs, mine.options)
    if isinstance(mine, Values):
        return (
            isinstance(theirs, Values)
            and len(mine.items) == len(theirs.items)
            and all(
                _operand_fits(a, b, bound, compared) for a, b in zip(mine.items, theirs.items, strict=True)
            )
        )
    if isinstance(theirs, Const):
        closed = not names_in(mine.value) and not names_in(theirs.value)
        return mine.value == theirs.value or (overlap and not closed)
    if isinstance(theirs, OneOf):
        return overlap and mine.value in theirs.options
    return overlap


def _value_fits(mine: Use | Through, theirs: Operand, bound: dict[str, Operand], compared: _Compared) -> bool:
    """A value or capture of mine, where the other has `theirs`."""
    first = mine.value not in bound
    seen = bound.setdefault(mine.value, theirs)
    if isinstance(theirs, (Use, Through)) and not (first and isinstance(mine, Use)):
        # Between two values that both know, the views must be such that both allow them.
        least = theirs.at_least if isinstance(theirs, Through) else 0
        if compared.overlap and mine.value in compared.own and theirs.value in compared.made:
            if max(least, mine.at_least if isinstance(mine, Through) else 0) and not (
                isinstance(mine, Through) and isinstance(theirs, Through)
            ):
                return False
        elif not compared.overlap and (
            (isinstance(mine, Use) and isinstance(theirs, Through))
            or (isinstance(mine, Through) and mine.at_least > least)
        ):
            return False
    if first or _plain(seen) == _plain(theirs):
        return True
    return compared.overlap and not _certainly_differ(seen, theirs, compared)


def _certainly_differ(one: Operand, other: Operand, compared: _Compared) -> bool:
    """Two values that steps make are two nodes, and none is made of itself; else what comes in may be any value."""
    if isinstance(one, Const) and isinstance(other, Const):
        return not names_in(one.value) and not names_in(other.value)
    if (
        not isinstance(one, (Use, Through))
        or not isinstance(other, (Use, Through))
        or one.value == other.value
    ):
        return False
    a, b = one.value, other.value
    if a in compared.made and b in compared.made:
        return True
    return a in compared.above.get(b, ()) or b in compared.above.get(a, ())


def _above(pattern: Pattern) -> dict[str, frozenset[str]]:
    """For each value that is made, all that it is made of."""
    found: dict[str, frozenset[str]] = {}
    for step in pattern.left.steps:
        if isinstance(step, Step):
            read = [value for _, operand in step.operands for value in _values(operand)]
            made = [value for _, value in step.results]
        else:
            read, made = [step.source], [step.value]
        above = frozenset(read).union(*(found.get(value, ()) for value in read))
        found.update(dict.fromkeys(made, above))
    return found


def _values(operand: Operand) -> Iterator[str]:
    if isinstance(operand, (Use, Through)):
        yield operand.value
    elif isinstance(operand, Values):
        for item in operand.items:
            yield from _values(item)


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
    values = sorted({value for condition in conditions for value in _numbers(condition)}) or [0]
    tried = sorted({near for value in values for near in (value - 1, value, value + 1)})
    tried = sorted({*tried, *((low + high) / 2 for low, high in pairwise(values))})
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
    from patdsl.compiler.rewrite_names import rename

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
