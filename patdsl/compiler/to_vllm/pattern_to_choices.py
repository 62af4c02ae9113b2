"""Which torch ops a class of the module is about: those it looks for, those it calls.

In: a pattern, the declared ops. Out: every choice of bindings and every order of operands on the left, every choice of
kernels on the right, the preferred first. Bindings of `patdsl::` ops are left out: where the module runs nothing makes
them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import attrs

from patdsl.compiler.to_vllm.expr_to_python import UnsayableError
from patdsl.compiler.to_vllm.guards import solved
from patdsl.expr import Lit
from patdsl.graph import Pattern, RightStep
from patdsl.op_table import Native, Op, Step, Through, TorchCall, Use, ViewStep, reached

#: What a left side may be spelled in. More are a mistake of scale: each is a class of the module.
MOST_SPELLINGS = 24
OWN = "patdsl::"
TORCHS = ("aten::", "prims::")


class NoKernelError(UnsayableError):
    """An op of the right side has no kernel but patdsl's."""


def spellings(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[tuple[TorchCall, ...]]:
    """Every choice of bindings that torch's matcher can be given. Raises UnsayableError where a step has none."""
    if len(pattern.left.fan_outs) > 1:
        raise UnsayableError("it has several fan-outs")
    if pattern.keep:
        raise UnsayableError(
            f"it keeps `{pattern.keep[0]}`, an op inside the match that torch's matcher replaces"
        )
    choices = [calls_of(step.op, ops) for step in pattern.left.steps if isinstance(step, Step)]
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


def calls_of(name: str, ops: Mapping[str, Op]) -> list[TorchCall]:
    """What torch's matcher can look for. Raises UnsayableError where it is nothing."""
    found: list[TorchCall] = []
    others: set[str] = set()
    for binding in reached(name, ops):
        if isinstance(binding, Native):
            others.add("torch code in several ops")
        elif binding.target.startswith(OWN):
            others.add("an op of patdsl's own")
        else:
            found.append(binding)
    if not found:
        what = " or ".join(sorted(others)) or "nothing"
        raise UnsayableError(f"`{name}` is spelled as {what} only")
    return _preferred(found)


def kernels(pattern: Pattern, ops: Mapping[str, Op]) -> Iterator[tuple[TorchCall, ...]]:
    """Every choice of torch ops, the preferred first. Raises NoKernelError where a step has none."""
    choices = []
    for step in right_steps(pattern):
        found = [
            binding
            for binding in reached(step.op, ops)
            if isinstance(binding, TorchCall) and not binding.target.startswith(OWN)
        ]
        if not found:
            raise NoKernelError(f"only patdsl has a kernel of `{step.op}`")
        choices.append(_preferred(found))
    return itertools.product(*choices)


def asked_of_captures(
    pattern: Pattern, ops: Mapping[str, Op], chosen: tuple[TorchCall, ...]
) -> dict[str, Lit]:
    """What the chosen ops say of captured values: `if variance_size == none`."""
    found: dict[str, Lit] = {}
    for step, binding in zip(right_steps(pattern), chosen, strict=True):
        args = dict(step.args)
        for guard in (binding.guard, *ops[step.op].where):
            for name, value in solved(guard):
                arg = args.get(name)
                if isinstance(arg, Use):
                    found.setdefault(arg.value, value)
    return found


def right_steps(pattern: Pattern) -> list[RightStep]:
    return [step for step in pattern.right if isinstance(step, RightStep)]


def _preferred(bindings: list[TorchCall]) -> list[TorchCall]:
    """All, but the first alone where it is torch's own, which every build has."""
    return bindings[:1] if bindings[0].target.startswith(TORCHS) else bindings
