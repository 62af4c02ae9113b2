"""A pattern -> the graphs that it must match and those that it must leave alone.

In: a pattern as a target reads it, and the context of its pass. Out: `Case` values, each a form of the left side with
what is to happen. Builds no graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Literal

import attrs

from patdsl.dtypes import Dtype
from patdsl.expr import Items, Lit, Unary, names_in
from patdsl.graph import Pattern
from patdsl.match.context import Context
from patdsl.op_table import (
    Binding,
    Const,
    DtypeVar,
    Native,
    OneOf,
    Op,
    Plain,
    Step,
    Tensor,
    Through,
    TorchCall,
    Use,
    ViewStep,
)
from patdsl.resolved_to_text import expr_text
from patdsl.selftest.model import FRESH, Form, Place
from patdsl.selftest.samples import Sample, nullable

#: What is to happen: one match; none; or either, with results that stay.
Expects = Literal["fires", "stays", "same"]
FLOATS = (Dtype("bf16"), Dtype("f16"), Dtype("f32"))


@attrs.frozen
class Case:
    """One generated test. `given` fixes captures and dtypes, `breaks` is the condition that must not hold.

    `leading`: how many leading dims the inputs have where that is open. `optional`: where no graph can be so, there
    is no such test.
    """

    title: str
    expects: Expects
    form: Form = attrs.Factory(Form)
    given: Mapping[str, Any] = attrs.Factory(dict)
    breaks: str | None = None
    leading: int = 1
    view: str = "same"
    optional: bool = False


def cases(pattern: Pattern, context: Context, sample: Sample) -> list[Case]:
    """Every generated test of a pattern. `sample`: one with which it can stand."""
    found = [
        *_matches(pattern, context),
        *(attrs.evolve(case, optional=True) for case in _viewed(pattern)),
        *_spelled(pattern, context),
        *(attrs.evolve(case, optional=True) for case in _captured(pattern, context, sample)),
        *(attrs.evolve(case, optional=True) for case in _near_misses(pattern, context, sample)),
        *_writes(pattern, sample),
    ]
    seen: Counter[str] = Counter()
    titled = []
    for case in found:
        seen[case.title] += 1
        number = seen[case.title]
        titled.append(case if number == 1 else attrs.evolve(case, title=f"{case.title} ({number})"))
    return titled


def _steps(pattern: Pattern) -> list[Step]:
    return [step for step in pattern.left.steps if isinstance(step, Step)]


# Graphs that match


def _matches(pattern: Pattern, context: Context) -> Iterator[Case]:
    yield Case("matches", "fires")
    yield Case("matches with more leading dims", "fires", leading=2)
    for fan_out in pattern.left.fan_outs:
        high = fan_out.high if fan_out.high is not None else max(fan_out.low, 3)
        for count in sorted({fan_out.low + 1, high} - {fan_out.low}):
            if count <= high:
                yield Case(
                    f"matches with {count} of {fan_out.name}", "fires", Form(counts={fan_out.name: count})
                )
    for step in _steps(pattern):
        if context.ops[step.op].commutative:
            yield Case(
                f"matches with the operands of {step.label} swapped",
                "fires",
                Form(swapped=frozenset([step.label])),
            )


def _viewed(pattern: Pattern) -> Iterator[Case]:
    """A view where one may stand, or another one where one must."""
    for step in _steps(pattern):
        for param, operand in step.operands:
            if not isinstance(operand, Through):
                continue
            edge = f"between {operand.value} and {step.label}"
            place = Place(step.label, param)
            yield Case(f"matches with a split view {edge}", "fires", Form(views={place: "split"}))
            merged = Form(views=dict.fromkeys(_view_places(pattern), "merged"))
            yield Case(f"matches with a merged view {edge}", "fires", merged, leading=2, view="merged")
            fan_out = next((each for each in pattern.left.fan_outs if each.name == step.fan_out), None)
            if fan_out is None or (fan_out.high is not None and fan_out.high < 2):
                continue
            two = {fan_out.name: max(2, fan_out.low)}
            yield Case(
                f"matches with a view of its own {edge} of each branch",
                "fires",
                Form(counts=two, views={place: "split"}, shared=False),
            )
            if operand.at_least == 0:
                one = {Place(step.label, param, 0): "split"}
                yield Case(f"matches with a view {edge} of one branch", "fires", Form(counts=two, views=one))


def _view_places(pattern: Pattern) -> list[Place]:
    return [
        Place(step.label, param)
        for step in _steps(pattern)
        for param, operand in step.operands
        if isinstance(operand, Through)
    ]


def _spelled(pattern: Pattern, context: Context) -> Iterator[Case]:
    """Each op through each of its bindings; those that this process does not have are asked for, to be told."""
    for name in dict.fromkeys(step.op for step in _steps(pattern)):
        bindings = context.ops[name].bindings
        for at, binding in enumerate(bindings):
            if len(bindings) > 1:
                is_there = not isinstance(binding, TorchCall) or context.exists(binding.target)
                title = f"matches with {name} {_spelling(binding, at)}"
                yield Case(title, "fires", Form(spelling={name: at}), optional=is_there)


def _spelling(binding: Binding, at: int) -> str:
    if isinstance(binding, Native):
        return f"written out ({at + 1})"
    return f"as {binding.target if isinstance(binding, TorchCall) else binding.op}"


def _captured(pattern: Pattern, context: Context, sample: Sample) -> Iterator[Case]:
    """Captures of other values, none among them, and tensors of other dtypes."""
    for name in nullable(pattern, context):
        yield Case(f"matches with {name}=none", "fires", given={name: None})
    inputs = {item.name for item in pattern.inputs}
    chosen = {
        operand.name for step in _steps(pattern) for _, operand in step.operands if isinstance(operand, OneOf)
    }
    for name, value in sample.names.items():
        if name in inputs - chosen and name not in sample.metas:
            for other in _others(value):
                yield Case(f"matches with {name}={_text(other)}", "fires", given={name: other})
    flags = [name for name, value in sample.names.items() if name in inputs and isinstance(value, bool)]
    for one, other in combinations(flags, 2):
        pair = {one: not sample.names[one], other: not sample.names[other]}
        yield Case(f"matches with {one} and {other}", "fires", given=pair)
    for step in _steps(pattern):
        for _, operand in step.operands:
            if isinstance(operand, OneOf):
                for option in operand.options:
                    if isinstance(option, Lit):
                        given = {operand.name: option.value}
                        yield Case(f"matches with {operand.name}={_text(option.value)}", "fires", given=given)
    for variable in dtype_variables(pattern, context):
        for dtype in FLOATS:
            yield Case(f"matches with {variable}={dtype}", "fires", given={variable: dtype})


def dtype_variables(pattern: Pattern, context: Context) -> list[str]:
    """Dtype variables of the ops and inputs, by name."""
    types = [item.type for item in pattern.inputs]
    types += [param.type for step in _steps(pattern) for param in context.ops[step.op].params]
    return list(
        dict.fromkeys(
            each.dtype.name for each in types if isinstance(each, Tensor) and isinstance(each.dtype, DtypeVar)
        )
    )


def _others(value: Any) -> tuple[Any, ...]:
    """Other values of the same kind."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, float):
        return (value * 3 + 0.25,)
    if isinstance(value, int):
        return (value * 2, value // 2) if value > 1 else (value + 1,)
    if isinstance(value, str):
        return (f"{value}_other",)
    if isinstance(value, Dtype):
        return (Dtype("i8"),) if value != Dtype("i8") else (Dtype("f8e4m3fn"),)
    return ()


def _text(value: Any) -> str:
    return expr_text(Lit(value))


# Graphs that nearly match


def _near_misses(pattern: Pattern, context: Context, sample: Sample) -> Iterator[Case]:
    yield from _read_otherwise(pattern, context)
    yield from _other_literals(pattern, context)
    for judged in sample.judged:
        yield Case(f"left alone where not {judged.text}", "stays", breaks=judged.text)
    yield from _other_counts(pattern)
    yield from _cut(pattern, context, sample)
    yield from _views_amiss(pattern)
    for step in _steps(pattern):
        op = context.ops[step.op]
        if not op.commutative and _has_fixed_order(pattern, step, op):
            title = f"left alone with the operands of {step.label} swapped"
            yield Case(title, "stays", Form(swapped=frozenset([step.label])))
    yield from _unequal_branches(pattern, context, sample)


def _has_fixed_order(pattern: Pattern, step: Step, op: Op) -> bool:
    """Whether the first two tensors of a step may not change places: of two inputs used nowhere else, each can be the
    other."""
    uses = Counter(
        operand.value
        for each in _steps(pattern)
        for _, operand in each.operands
        if isinstance(operand, (Use, Through))
    )
    inputs = {item.name for item in pattern.inputs}
    operands = dict(step.operands)
    tensors = [operands[param.name] for param in op.params if param.is_tensor][:2]
    return len(tensors) == 2 and any(
        isinstance(each, (Use, Through)) and (each.value not in inputs or uses[each.value] > 1)
        for each in tensors
    )


def _read_otherwise(pattern: Pattern, context: Context) -> Iterator[Case]:
    """A value that goes is read by something else, or is a result of the graph."""
    redefined = {replace.left for replace in pattern.replaces}
    hidden = {each.value for each in pattern.only}
    goes = [
        value
        for step in _steps(pattern)
        if not context.ops[step.op].free
        for _, value in step.results
        if value not in pattern.keep and (value not in redefined or value in hidden)
    ]
    for value in dict.fromkeys((*goes, *(each.value for each in pattern.only))):
        yield Case(f"left alone where {value} is a result", "stays", Form(returned=(value,)))
        yield Case(f"left alone where something else reads {value}", "stays", Form(read=(value,)))


def _other_literals(pattern: Pattern, context: Context) -> Iterator[Case]:
    for step in _steps(pattern):
        op = context.ops[step.op]
        for param, operand in step.operands:
            if isinstance(operand, OneOf):
                options = [each.value for each in operand.options if isinstance(each, Lit)]
                for other in _others(options[-1]) if options else ():
                    if other not in options:
                        yield Case(
                            f"left alone with {param}={_text(other)} of {step.label}",
                            "stays",
                            Form(operands={Place(step.label, param): other}),
                        )
            if not isinstance(operand, Const):
                continue
            for other in _changed(operand.value, op, param):
                yield Case(
                    f"left alone with {param}={_value_text(other)} of {step.label}",
                    "stays",
                    Form(operands={Place(step.label, param): other}),
                )


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value_text, value)) + "]"
    return _text(value)


def _changed(value: Any, op: Op, param: str) -> Iterator[Any]:
    """What a literal is not: alone, or one item of a list of literals."""
    if isinstance(value, Unary) and value.op == "-" and isinstance(value.operand, Lit):
        value = Lit(-value.operand.value)
    if isinstance(value, Lit) and value.value is not None:
        yield from _others(value.value)
    elif isinstance(value, Lit):
        declared = op.param[param].type
        kind = declared.kind if isinstance(declared, Plain) else ""
        yield from {"int": (8,), "float": (0.5,), "bool": (True,), "str": ("other",)}.get(kind, ())
    elif isinstance(value, Items) and not names_in(value):
        items = tuple(item.value for item in value.items if isinstance(item, Lit))
        if len(items) == len(value.items):
            for at, item in enumerate(items):
                for other in _others(item):
                    yield (*items[:at], other, *items[at + 1 :])


def _other_counts(pattern: Pattern) -> Iterator[Case]:
    for fan_out in pattern.left.fan_outs:
        counts = [fan_out.low - 1] if fan_out.low > 1 else []
        counts += [fan_out.high + 1] if fan_out.high is not None else []
        for count in counts:
            yield Case(
                f"left alone with {count} of {fan_out.name}", "stays", Form(counts={fan_out.name: count})
            )


def _cut(pattern: Pattern, context: Context, sample: Sample) -> Iterator[Case]:
    """An edge that leads elsewhere; and of a value that is to be the same in two places, another in one of them."""
    made = {value for step in _steps(pattern) for value in _defined(step)}
    for step in pattern.left.steps:
        if isinstance(step, ViewStep) and step.source in made:
            made.add(step.value)  # a view of an input may be no view: any tensor is one of something
    viewed = {step.value for step in pattern.left.steps if isinstance(step, ViewStep)} & made
    uses: Counter[str] = Counter()
    for step in _steps(pattern):
        for _, operand in step.operands:
            if isinstance(operand, (Use, Through)):
                uses[operand.value] += 1
    for step in _steps(pattern):
        for param, operand in step.operands:
            if not isinstance(operand, (Use, Through)):
                continue
            tensor = context.ops[step.op].param[param].is_tensor
            title = f"left alone where {param} of {step.label} is not {operand.value}"
            if tensor and (operand.value in made or uses[operand.value] > 1):
                elsewhere = Form(operands={Place(step.label, param): FRESH}, swept=False)
                yield Case(title, "stays", elsewhere)
                # A view that nothing reads is swept, and without it no other rule would be asked.
                if operand.value in viewed:
                    read = attrs.evolve(elsewhere, read=(operand.value,))
                    yield Case(f"{title}, which something else reads", "stays", read)
            elif not tensor and uses[operand.value] > 1:
                for other in _others(sample.names.get(operand.value))[:1]:
                    yield Case(title, "stays", Form(operands={Place(step.label, param): other}))


def _defined(step: Any) -> list[str]:
    return [value for _, value in step.results] if isinstance(step, Step) else [step.value]


def _views_amiss(pattern: Pattern) -> Iterator[Case]:
    made = {value for step in pattern.left.steps for value in _defined(step)}
    for step in _steps(pattern):
        for param, operand in step.operands:
            place = Place(step.label, param)
            if isinstance(operand, Through):
                edge = f"between {operand.value} and {step.label}"
                title = f"left alone with a view that changes the last dim {edge}"
                yield Case(title, "stays", Form(views={place: "last"}))
                if operand.at_least:
                    yield Case(f"left alone without a view {edge}", "stays", Form(views={place: "none"}))
            elif isinstance(operand, Use) and operand.value in made:
                edge = f"between {operand.value} and {step.label}"
                yield Case(f"left alone with a view {edge}", "stays", Form(views={place: "split"}))


def _unequal_branches(pattern: Pattern, context: Context, sample: Sample) -> Iterator[Case]:
    """One branch differs from the others in something that they are to have in common."""
    inputs = {item.name for item in pattern.inputs}
    for fan_out in pattern.left.fan_outs:
        if (fan_out.high is not None and fan_out.high < 2) or not _holds_back(pattern, context, fan_out.name):
            continue
        two = {fan_out.name: max(2, fan_out.low)}
        for step in _steps(pattern):
            if step.fan_out != fan_out.name:
                continue
            for param, operand in step.operands:
                if not isinstance(operand, Use) or operand.value not in inputs:
                    continue
                place = Place(step.label, param, 0)
                title = f"left alone where {param} differs in one branch of {fan_out.name}"
                if operand.value in sample.metas:
                    yield Case(title, "stays", Form(counts=two, operands={place: FRESH}))
                else:
                    for other in _others(sample.names.get(operand.value))[:1]:
                        yield Case(title, "stays", Form(counts=two, operands={place: other}))


def _holds_back(pattern: Pattern, context: Context, fan_out: str) -> bool:
    """Whether the branches read a value that has to go, which a consumer of its own keeps alive."""
    stay = {replace.left for replace in pattern.replaces} | set(pattern.keep)
    goes = {
        value
        for step in _steps(pattern)
        if step.fan_out is None and not context.ops[step.op].free
        for _, value in step.results
        if value not in stay
    }
    read = {
        operand.value
        for step in _steps(pattern)
        if step.fan_out == fan_out
        for _, operand in step.operands
        if isinstance(operand, (Use, Through))
    }
    seen_as = {step.value: step.source for step in pattern.left.steps if isinstance(step, ViewStep)}
    return any(seen_as.get(value, value) in goes for value in read)


def _writes(pattern: Pattern, sample: Sample) -> Iterator[Case]:
    for item in pattern.inputs:
        if item.name in sample.metas:
            yield Case(
                f"means the same where something writes {item.name} between", "same", Form(written=item.name)
            )
