"""The same patterns for torch's own matcher, as people write them: traced functions given to `register_replacement`.

In: a `Spec`. Out: `torch_pass`; `found`, every match that torch would write in a graph, before it writes one; `apply`.
An op that a `.pat` file declares commutative is one pattern here for each order of its operands.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import torch
from peer_ops import OPS
from peer_spec import Spec, calculated, fused
from torch._inductor.pattern_matcher import (
    CallFunction,
    PatternMatcherPass,
    fwd_only,
    is_match,
    register_replacement,
    stable_topological_sort,
)
from torch.fx import GraphModule, Node


@attrs.frozen(eq=False)
class Found:
    """`bound`: the calls of the pattern and the nodes they were bound to, in the match that is written. `checked`: the
    nodes of the match that was made again with the graph's numbers. `inputs`: the operands of the replacement.
    """

    bound: tuple[tuple[CallFunction, Node], ...]
    outputs: tuple[Node, ...]
    checked: tuple[Node, ...]
    inputs: tuple[Node, ...]

    @property
    def root(self) -> str:
        return self.outputs[0].name

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for _, node in self.bound)


@attrs.frozen(eq=False)
class TorchPass:
    """torch's pass, and the list to which each accepted match is added while it is checked."""

    patterns: PatternMatcherPass
    checked: list[Any]


def torch_pass(spec: Spec, sentinel: float = 1000.5, one_example: bool = False) -> TorchPass:
    """`sentinel`: the number that stands for the first captured one while the pattern is traced. `one_example`: all
    inputs are traced with the same tensor.
    """
    made = TorchPass(PatternMatcherPass(), [])
    names = [*spec.inputs, *spec.numbers]
    examples = [torch.empty(dict(spec.shapes)[name]) for name in spec.inputs]
    examples = examples[:1] * len(examples) if one_example else examples
    sentinels = {name: sentinel + at for at, name in enumerate(spec.numbers)}
    target = getattr(torch.ops.orc, fused(len(spec.inputs), len(spec.numbers), len(spec.replaced)))
    program = f"{','.join(names)}|{spec.program()}"

    def note(match: Any) -> bool:
        made.checked.append(match)
        return True

    for ordered in _orders(spec):
        register_replacement(
            _function(names, functools.partial(_search, ordered.program(), names)),
            _function(names, lambda *args: target(*args, program)),
            examples,
            _traced,
            made.patterns,
            extra_check=note,
            scalar_workaround=sentinels,
            skip_duplicates=True,
        )
    return made


def _orders(spec: Spec) -> Iterator[Spec]:
    """The pattern with the operands of its commutative ops in every order."""
    orders = [
        [step, attrs.evolve(step, args=step.args[::-1])] if OPS[step.op].commutative else [step]
        for step in spec.steps
    ]
    for steps in itertools.product(*orders):
        yield attrs.evolve(spec, steps=steps)


def _search(program: str, names: list[str], *args: Any) -> Any:
    made = calculated(program, dict(zip(names, args, strict=True)))
    return made[0] if len(made) == 1 else made


def _function(names: list[str], body: Callable[..., Any]) -> Callable[..., Any]:
    """torch reads the names of the operands off the signature."""

    def function(*args: Any) -> Any:
        return body(*args)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])  # type: ignore[attr-defined]
    return function


def _traced(function: Callable[..., Any], args: Any, **_: Any) -> GraphModule:
    """Without decompositions, as the graphs of the cases are not decomposed either."""
    made = fwd_only(function, args, run_functional_passes=False, get_decomp_fn=dict)
    made.graph.eliminate_dead_code()
    made.recompile()
    return made


def found(made: TorchPass, module: GraphModule) -> list[Found]:
    """At most one match of each pattern at each node, as torch looks for them."""
    matches = []
    for (_, target), entries in made.patterns.patterns.items():
        for node in module.graph.find_nodes(op="call_function", target=target):
            for entry in entries:
                match = entry.pattern.match(node)
                made.checked.clear()
                if is_match(match) and entry.extra_check(match):
                    matches.append(_found(match, made.checked[0]))
    return matches


def _found(match: Any, checked: Any) -> Found:
    bound = tuple((p, n) for p, n in match.ctx.pattern_to_node.items() if isinstance(p, CallFunction))
    inputs = tuple(each for each in match.kwargs.values() if isinstance(each, Node))
    again = tuple(n for p, n in checked.ctx.pattern_to_node.items() if isinstance(p, CallFunction))
    return Found(bound, tuple(match.output_nodes()), again, inputs)


def apply(made: TorchPass, module: GraphModule) -> int:
    """Rewrite the graph as Inductor does, which sorts it afterwards."""
    count: int = made.patterns.apply(module)
    stable_topological_sort(module.graph)
    module.graph.lint()
    module.recompile()
    return count
