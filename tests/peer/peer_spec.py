"""Patterns and graphs of the cases as plain values.

In: nothing. Out: `Step`, `Spec` and `text_of`, the `.pat` file of one; `Node`, `Graph`, and `types_of`, which runs
a graph on meta tensors. The right side of a pattern is one call of an op that computes a program over the left side's
ops, so that every right rewrite gives equal results.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs
import torch
from oracle_graph import Ref
from oracle_ops import define
from peer_ops import OPS, PRELUDE, run
from torch import Tensor


@attrs.frozen
class Step:
    """`k` is a literal, the name of a captured number, or ""."""

    op: str
    args: tuple[str, ...]
    results: tuple[str, ...]
    k: str = ""

    def __str__(self) -> str:
        dims = OPS[self.op].dims
        if dims:
            return f"{self.results[0]} = view({self.args[0]}, {list(dims)})"
        return f"{', '.join(self.results)} = t_{self.op}({', '.join([*self.args, *[self.k][: len(self.k)]])})"


@attrs.frozen
class Spec:
    """`shapes`: the dims that the example of each input has. `replaced` are the values that the right side makes."""

    steps: tuple[Step, ...]
    replaced: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        made = {name for step in self.steps for name in step.results}
        return tuple(dict.fromkeys(arg for step in self.steps for arg in step.args if arg not in made))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The captured ones."""
        return tuple(dict.fromkeys(step.k for step in self.steps if step.k.isidentifier()))

    def program(self) -> str:
        return ";".join(
            [f"{' '.join(s.results)}={s.op}({','.join([*s.args, *[s.k][: len(s.k)]])})" for s in self.steps]
            + [",".join(self.replaced)]
        )


def text_of(spec: Spec) -> str:
    names = [*spec.inputs, *spec.numbers]
    params = [*(f"{name}: tensor" for name in spec.inputs), *(f"{name}: float" for name in spec.numbers)]
    results = ", ".join(f"r{at}: tensor" for at in range(len(spec.replaced)))
    given = ", ".join([*names, f'"{",".join(names)}|{spec.program()}"'])
    target = fused(len(spec.inputs), len(spec.numbers), len(spec.replaced))
    left = "\n".join(f"  {step}" for step in spec.steps)
    right = f"  {', '.join(spec.replaced)} = fused({', '.join(names)})"
    declared = f"op fused({', '.join(params)}) -> ({results}) = orc::{target}({given})"
    return f"{PRELUDE}{declared}\npattern p {{\n{left}\n=>\n{right}\n}}\n"


@cache
def fused(tensors: int, numbers: int, results: int) -> str:
    """The name of an op in `torch.ops.orc` that takes so many operands, and a program, as `text_of` writes it."""
    name = f"peer_{tensors}_{numbers}_{results}"
    params = [*(f"Tensor x{at}" for at in range(tensors)), *(f"float k{at}" for at in range(numbers))]
    made = "Tensor" if results == 1 else f"({', '.join(['Tensor'] * results)})"

    def compute(*args: Any) -> Tensor | tuple[Tensor, ...]:
        head, text = args[-1].split("|")
        values = calculated(text, dict(zip(head.split(","), args, strict=False)))
        owned = tuple(torch.empty_strided(v.shape, v.stride(), dtype=v.dtype).copy_(v) for v in values)
        return owned[0] if results == 1 else owned

    define(f"{name}({', '.join([*params, 'str program'])}) -> {made}", compute, compute)
    return name


def calculated(program: str, given: dict[str, Any]) -> tuple[Any, ...]:
    """The values that a program gives for the named inputs: tensors, or what is traced."""
    *steps, wanted = program.split(";")
    for step in steps:
        names, call = step.split("=")
        op, operands = call.rstrip(")").split("(")
        args = [given[each] if each in given else float(each) for each in operands.split(",")]
        given.update(zip(names.split(), run(OPS[op], *args), strict=True))
    return tuple(given[name] for name in wanted.split(","))


@attrs.frozen
class Node:
    """`form` chooses among the spellings of the op."""

    name: str
    op: str
    args: tuple[Ref, ...]
    k: float | None = None
    form: int = 0

    @property
    def operands(self) -> tuple[Any, ...]:
        return self.args if self.k is None else (*self.args, self.k)

    def __str__(self) -> str:
        return f"{self.name} = {self.op}#{self.form}({', '.join(map(str, self.operands))})"


@attrs.frozen
class Graph:
    """Inputs by name with their dims; nodes in the order in which they run."""

    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Ref, ...]

    def __str__(self) -> str:
        heads = [f"{name}: {list(dims)}" for name, dims in self.inputs]
        return "\n".join([*heads, *map(str, self.nodes), f"return {', '.join(map(str, self.outputs))}"])


def types_of(graph: Graph) -> dict[Ref, Tensor] | None:
    """A meta tensor for every value, or None where an op objects or an operand is not there."""
    values = {Ref(name): torch.empty(dims, device="meta") for name, dims in graph.inputs}
    for node in graph.nodes:
        if Ref(node.name) in values or any(ref not in values for ref in node.args):
            return None
        made = results_of(node.op, *(values[e] if isinstance(e, Ref) else e for e in node.operands))
        if made is None:
            return None
        values.update({Ref(node.name, index): value for index, value in enumerate(made)})
    return values if graph.outputs and all(ref in values for ref in graph.outputs) else None


def results_of(op: str, *args: Any) -> tuple[Tensor, ...] | None:
    """What the op makes of meta tensors; None where it objects, is a conversion that changes nothing, or computes with
    integers, which not every kernel does.
    """
    dtypes = {arg.dtype for arg in args if isinstance(arg, Tensor)}
    if (op == "double" and torch.float64 in dtypes) or (torch.int64 in dtypes and not OPS[op].is_free):
        return None
    try:
        return run(OPS[op], *args)
    except (RuntimeError, IndexError, NotImplementedError):
        return None
