"""Patterns as plain values that can be printed as `.pat` text and cut down piece by piece.

In: nothing. Out: `Step`, `Spec`, and `text_of`, a whole file. The right side of a `Spec` is one call of an op that
is declared for it (two, where a fan-out has calls of its own beside other values), bound to a torch op that
computes the left side: so every rewrite that is made must give equal results.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
from oracle_fused import fused
from oracle_ops import OPS, PRELUDE

VIEWS = {0: "{}", 1: "view?({})", 2: "view({})"}


@attrs.frozen
class Step:
    """`views`: for each operand whether it is seen through `view?` (1) or `view` (2). `k` is the operand as written, ""
    where it is not; `fan_out` is `2x` or the like.
    """

    op: str
    args: tuple[str, ...]
    views: tuple[int, ...]
    results: tuple[str, ...]
    k: str = ""
    fan_out: str = ""

    def __str__(self) -> str:
        args = [VIEWS[view].format(name) for name, view in zip(self.args, self.views, strict=True)]
        call = f"{self.op}({', '.join([*args, *([self.k] if self.k else [])])})"
        return f"{', '.join(self.results)} = {self.fan_out}{' ' if self.fan_out else ''}{call}"

    @property
    def number(self) -> str:
        """What a program passes: the captured name or the literal."""
        return self.k.split(" in ")[0] or "1.0"


@attrs.frozen
class Spec:
    """`replaced` are the values that the right side makes anew; `taken` kept values that it reads. `each`: the
    fan-out's branches have calls of their own. `matrix`: the right op is declared over a matrix.
    `inputs`: name -> declared type.
    """

    name: str
    steps: tuple[Step, ...]
    replaced: tuple[str, ...]
    keep: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    each: bool = False
    matrix: bool = False
    where: tuple[str, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    over: tuple[str, ...] = ()

    @property
    def made(self) -> dict[str, Step]:
        return {name: step for step in self.steps for name in step.results}

    @property
    def free(self) -> tuple[str, ...]:
        """Tensors that the left side takes."""
        return tuple(dict.fromkeys(arg for step in self.steps for arg in step.args if arg not in self.made))


def text_of(specs: Sequence[Spec]) -> str:
    return PRELUDE + "".join("\n" + _pattern(spec) for spec in specs)


def _pattern(spec: Spec) -> str:
    fan_out = next((step.fan_out for step in spec.steps if step.fan_out), "")
    own = [name for name in spec.replaced if spec.made[name].fan_out]
    others = [name for name in spec.replaced if name not in own]
    calls = [("", list(spec.replaced))]
    if spec.each and own:
        calls = [each for each in ((fan_out + " ", own), ("", others)) if each[1]]
    declared, right = [], []
    for at, (times, wanted) in enumerate(calls):
        tensors, numbers, program = _program(spec, wanted)
        name = f"{spec.name}_fused{at}"
        declared.append(_declaration(spec, name, tensors, numbers, len(wanted), program))
        right.append(f"  {', '.join(wanted)} = {times}{name}({', '.join([*tensors, *numbers])})")
    clauses = [f"  keep {name}" for name in spec.keep] + [f"  where {each}" for each in spec.where]
    clauses += [f"  prefer {spec.name} over {other}" for other in spec.over]
    inputs = ", ".join(f"{name}: {kind}" for name, kind in spec.inputs)
    left = [f"  {step}" for step in spec.steps]
    head = f"pattern {spec.name}{f'({inputs})' if inputs else ''} {{"
    return "\n".join([*declared, head, *left, "=>", *right, *clauses, "}"]) + "\n"


def _program(spec: Spec, wanted: Iterable[str]) -> tuple[list[str], list[str], str]:
    """The tensors and numbers that a program for these values takes, and the program."""
    wanted = list(wanted)
    needed: list[Step] = []

    def need(name: str) -> None:
        step = spec.made.get(name)
        if step is not None and name not in spec.taken and step not in needed:
            for arg in step.args:
                need(arg)
            needed.append(step)

    for name in wanted:
        need(name)
    read = dict.fromkeys(arg for step in needed for arg in step.args)
    tensors = [name for name in read if name not in spec.made or name in spec.taken]
    numbers = list(dict.fromkeys(s.number for s in needed if OPS[s.op].has_k and s.number.isidentifier()))
    short = {name: f"x{at}" for at, name in enumerate(tensors)} | {
        name: f"k{at}" for at, name in enumerate(numbers)
    }
    lines: list[str] = []
    for step in needed:
        operands = [short.get(arg, f"v_{arg}") for arg in step.args]
        operands += [short.get(step.number, step.number)] if OPS[step.op].has_k else []
        names = " ".join(f"v_{name}" if name != "_" else f"drop{len(lines)}" for name in step.results)
        lines.append(f"{names}={step.op}({','.join(operands)})")
    return tensors, numbers, ";".join([*lines, ",".join(f"v_{name}" for name in wanted)])


def _declaration(
    spec: Spec, name: str, tensors: list[str], numbers: list[str], results: int, program: str
) -> str:
    kind = "T[M, H]" if spec.matrix else "T[*B, H]"
    params = [*(f"{each}: {kind}" for each in tensors), *(f"{each}: float" for each in numbers)]
    made = ", ".join(f"r{at}: {kind}" for at in range(results))
    given = ", ".join([*tensors, *numbers, f'"{program}"'])
    effect = {OPS[step.op].effect for step in spec.steps} - {""}
    clause = {frozenset(): "", frozenset({"read"}): " effect cache read"}.get(
        frozenset(effect), " effect cache"
    )
    target = fused(len(tensors), len(numbers), results)
    return f"op {name}({', '.join(params)}) -> ({made}) = orc::{target}({given}){clause}"
