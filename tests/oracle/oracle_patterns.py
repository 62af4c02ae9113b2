"""Random patterns.

In: a `Random`. Out: `random_file`, some `Spec`s, and `compiled`, their pass. What the compiler refuses is made
anew: the generators do not know every rule, and need not. Later patterns of a file are often variations of the
first, so that matches overlap.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import attrs
from oracle_ops import NUMBERS, OPS
from oracle_spec import Spec, Step, text_of

from patdsl import PatError
from patdsl.runtime import load
from patdsl.runtime.passes import FusionPass

FAN_OUTS = ("2x", "1..x", "2..3x", "3x")
PLAIN = tuple(name for name, info in OPS.items() if not info.effect)


def compiled(specs: tuple[Spec, ...]) -> FusionPass | None:
    """The pass, or None where the compiler has objections."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.pat"
        path.write_text(text_of(specs), encoding="utf-8")
        try:
            (made,) = load(path, target="cpu")
        except PatError:
            return None
    assert isinstance(made, FusionPass)
    return made


def random_file(random: Random) -> tuple[tuple[Spec, ...], FusionPass]:
    """Patterns that compile, and their pass."""
    while True:
        specs = _specs(random)
        made = compiled(specs)
        if made is not None:
            return specs, made


def _specs(random: Random) -> tuple[Spec, ...]:
    first = random_spec(random, "p0")
    specs = [first]
    for at in range(1, random.choice((1, 1, 2, 3))):
        kind = random.random()
        spec = _varied(random, first, f"p{at}") if kind < 0.7 else random_spec(random, f"p{at}")
        specs.append(attrs.evolve(spec, over=(first.name,)) if random.random() < 0.5 else spec)
    return tuple(specs)


def random_spec(random: Random, name: str) -> Spec:
    steps: list[Step] = []
    for at in range(random.choice((1, 2, 2, 2, 3, 3, 4))):
        same = steps and not OPS[steps[-1].op].effect and not steps[-1].fan_out and random.random() < 0.15
        steps.append(_sibling(random, steps[-1], at) if same else _step(random, steps, at))
    return finished(random, name, tuple(steps))


def _step(random: Random, steps: list[Step], at: int) -> Step:
    effects = any(OPS[step.op].effect for step in steps)
    op = random.choice(PLAIN if effects or random.random() < 0.85 else ("put", "get"))
    info = OPS[op]
    made = [name for step in steps for name in step.results if not step.fan_out]
    used = {arg for step in steps for arg in step.args}
    unused = [name for name in made if name not in used] or made
    args = []
    for position in range(len(info.tensors)):
        if made and (position == 0 or random.random() < 0.35):
            args.append(random.choice(unused if random.random() < 0.8 else made))
        else:
            args.append(random.choice(("x", "x", "z", "w")))
    views = tuple(random.choice((0, 0, 0, 1, 1, 2)) if arg in made else 0 for arg in args)
    results = tuple(f"v{at}{'ab'[index]}" for index in range(len(info.results)))
    fan_out = random.choice(FAN_OUTS) if made and not info.effect and random.random() < 0.2 else ""
    if any(step.fan_out for step in steps):
        fan_out = ""
    return Step(op, tuple(args), views, results, _number(random, at) if info.has_k else "", fan_out)


def _sibling(random: Random, step: Step, at: int) -> Step:
    """The same call once more, which must be another node."""
    results = tuple(f"v{at}{'ab'[index]}" for index in range(len(step.results)))
    number = _number(random, at) if OPS[step.op].has_k else ""
    return attrs.evolve(step, results=results, k=number)


def _number(random: Random, at: int) -> str:
    name = random.choice((f"k{at}", f"k{at}", "k"))
    return random.choice((name, name, str(random.choice(NUMBERS)), f"{name} in {{1.0, 2.0}}"))


def finished(random: Random, name: str, steps: tuple[Step, ...]) -> Spec:
    """A spec of these steps: what ends must be replaced; some of the rest is redefined or kept."""
    used = {arg for step in steps for arg in step.args}
    replaced, keep = [], []
    for step in steps:
        if not used & set(step.results):
            ends = [each for each in step.results if random.random() < 0.85] or [step.results[0]]
            replaced += ends
        else:
            replaced += [each for each in step.results if random.random() < 0.12]
            keep += [
                each
                for each in step.results
                if each not in replaced and not OPS[step.op].effect and random.random() < 0.2
            ]
    taken = tuple(each for each in keep if random.random() < 0.5)
    each = random.random() < 0.5 and not any(OPS[step.op].effect for step in steps)
    spec = Spec(name, steps, tuple(replaced), tuple(keep), taken, each, random.random() < 0.3)
    return attrs.evolve(spec, where=_where(random, spec), inputs=_inputs(random, spec))


def _where(random: Random, spec: Spec) -> tuple[str, ...]:
    if random.random() < 0.8:
        return ()
    numbers = [step.number for step in spec.steps if step.k and step.number.isidentifier()]
    options = [f"{number} > 1.0" for number in numbers] + [f"rank({name}) == 3" for name in spec.free]
    return (random.choice(options),) if options else ()


def _inputs(random: Random, spec: Spec) -> tuple[tuple[str, str], ...]:
    kind = random.choice(("", "", "", "", "T[*B, H]", "T[M, H]", "T[M, N, H]"))
    return tuple((name, kind) for name in spec.free) if kind else ()


def _varied(random: Random, spec: Spec, name: str) -> Spec:
    """One step more or less, or the same steps with other clauses."""
    steps = spec.steps
    kind = random.random()
    if kind < 0.4:
        steps = (*steps, _step(random, list(steps), len(steps)))
    elif kind < 0.6 and len(steps) > 1:
        steps = steps[:-1]
    return finished(random, name, steps)
