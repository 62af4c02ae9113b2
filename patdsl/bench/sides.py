"""A pattern at a size -> both of its sides, ready to run.

In: a `Tester` of the pattern, sizes. Out: `Sides`: functions of the same inputs, for the left side as its ops stand in
the graph, for the right side, and for the left side in plain torch, which Inductor compiles; the inputs; the bytes that
have to move. Raises NoSidesError where the pattern has no such size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor

from patdsl.bench.in_place import NotInPlaceError, put_in_place
from patdsl.bench.sizes import Size, real_samples
from patdsl.runtime import torch_api
from patdsl.runtime.target import current_target, use_target
from patdsl.runtime.torch_api import Graph
from patdsl.runtime.usable import what_runs
from patdsl.selftest.model import Form, Model, NoModelError, build, quiet
from patdsl.selftest.run_graph import Inputs, bits, copy_of, make_inputs
from patdsl.selftest.samples import Sample
from patdsl.selftest.stand_ins import NAMESPACE, plain_torch
from patdsl.selftest.tester import SEED, Tester, first_line, refusals

#: Samples that are built before a size counts as one that does not fit.
MOST_BUILT = 60
Side = Callable[..., tuple[Tensor, ...]]


class NoSidesError(Exception):
    """The pattern cannot be run at this size; the message says why."""


@attrs.frozen(eq=False)
class Sides:
    """`plain` is the left side in ops that Inductor can fuse, or why there is no such function.

    `bytes`: each input read once and each result written once, caches as far as they are touched. `not_kernels`: in
    words, which ops of one side alone run what no GPU should, or that the pattern is for another target. `differs`: how
    the results differ by more than they may.
    """

    types: Inputs
    inputs: list[Tensor]
    left: Side
    right: Side
    plain: Side | str
    bytes: int
    not_kernels: str | None
    differs: str | None

    def shapes(self) -> dict[str, str]:
        """`dtype[dims]` of each input."""
        return {name: f"{meta.dtype}[{', '.join(map(str, meta.dims))}]" for name, meta in self.types}


def sides(tester: Tester, size: Size) -> Sides:
    """Both sides at a size. Raises NoSidesError."""
    if tester.off:
        raise NoSidesError(tester.off)
    own = "cpu" if tester.device == "cpu" else current_target()
    elsewhere = "" if own == tester.target else f"it is for {tester.target}, not {own}"
    with use_target(tester.target), torch.no_grad():
        sample, model, right = _fitting(tester, size)
        left = copy_of(model.graph)
        try:
            for graph in (left, right):
                put_in_place(graph)
        except NotInPlaceError as error:
            raise NoSidesError(str(error)) from error
        inputs = make_inputs(model.inputs, tester.device, SEED, made_on=tester.device)
        run_left, run_right = _function(left), _function(right)
        try:
            expected = run_left(*_copies(inputs))
        except Exception as error:  # an op's own check, of whatever kind
            raise NoSidesError(f"the left side does not run: {first_line(error)}") from error
        try:
            found = run_right(*_copies(inputs))
        except Exception as error:  # the same
            raise NoSidesError(f"the right side does not run: {first_line(error)}") from error
        wrong = [
            f"{label}: {reason}"
            for label, mine, other in zip(model.outputs, found, expected, strict=True)
            if (reason := tester.differs(sample, label, mine, other)) is not None
        ]
        used = [bool(node.users) for node in right.find_nodes(op="placeholder")]
        return Sides(
            types=model.inputs,
            inputs=inputs,
            left=run_left,
            right=run_right,
            plain=_in_plain_torch(left, inputs),
            bytes=moved_bytes(run_right, inputs, used),
            not_kernels=", ".join(filter(None, (elsewhere, _not_kernels(left, right, tester.target))))
            or None,
            differs="; ".join(wrong) or None,
        )


def _fitting(tester: Tester, size: Size) -> tuple[Sample, Model, Graph]:
    """The first sample whose graph the pass takes, that graph, and the rewritten one."""
    reason = "its types and conditions allow no such size"
    for built, sample in enumerate(real_samples(tester.pattern, tester.context, size)):
        if built == MOST_BUILT:
            break
        try:
            model = build(tester.pattern, tester.context, sample, Form(alone=True), tester.device)
        except NoModelError as error:
            reason = str(error)
            continue
        graph = copy_of(model.graph)
        with quiet():
            count = tester.fusion.apply(graph)
        if count == 1:
            return sample, model, graph
        reason = "; ".join(refusals(tester.fusion)) or "the pass does not match"
    raise NoSidesError(reason)


def _not_kernels(left: Graph, right: Graph, target: str) -> str:
    """The ops of one side alone that run their `ref`, and those of the right side that run plain torch."""
    found = []
    before, after = (list(dict.fromkeys(_ops(graph))) for graph in (left, right))
    for op in (*before, *after):
        namespace, _, name = str(op).partition(".")
        if op in before and op in after:
            continue
        if namespace == NAMESPACE:
            found.append(f"{name.rpartition('.')[0].rpartition('_')[0]} runs its ref")
        elif op in after and what_runs(f"{namespace}::{name}", target) == "plain torch":
            found.append(f"{namespace}::{name} runs plain torch")
    return ", ".join(found)


def _ops(graph: Graph) -> Iterator[Any]:
    """The ops that a graph calls."""
    return (node.target for node in graph.nodes if isinstance(node.target, torch_api.OpOverload))


def _function(graph: Graph) -> Side:
    function: Side = torch_api.GraphModule(torch.nn.Module(), graph)
    return function


def _in_plain_torch(graph: Graph, inputs: Sequence[Tensor]) -> Side | str:
    """The same with the torch ops that ours are made of in their place; or why that cannot be."""
    inlined = copy_of(graph)
    for node in inlined.nodes:
        function = plain_torch(node.target) if isinstance(node.target, torch_api.OpOverload) else None
        if function is not None:
            node.target = function
    try:
        return _function(torch_api.traced(_function(inlined), _copies(inputs)))
    except Exception as error:  # whatever an op raises that cannot be traced
        return first_line(error)


def _copies(inputs: Sequence[Tensor]) -> list[Tensor]:
    return [each.clone() for each in inputs]


def moved_bytes(side: Side, inputs: Sequence[Tensor], used: Sequence[bool]) -> int:
    """The bytes of memory that `side` has to read and write. `used`: which inputs it looks at.

    Inputs that are only read count once, results once.

    Of an input that the side writes, what two runs leave as it was, each with other contents, is not touched; and its
    old contents count as read only where another result, or another written element, tells the runs apart.
    """
    before = _copies(inputs)
    first = side(*before)
    written = [not torch.equal(bits(mine), bits(own)) for mine, own in zip(before, inputs, strict=True)]
    total = sum(each.numel() * each.element_size() for each in _own_memory(first, before))
    total += sum(
        each.numel() * each.element_size()
        for each, is_used, is_written in zip(inputs, used, written, strict=True)
        if is_used and not is_written
    )
    for at, one in enumerate(inputs):
        if not written[at]:
            continue
        after = _copies(inputs)
        bits(after[at])[...] = ~bits(one)
        with contextlib.suppress(RuntimeError):
            second = side(*after)
            kept = (bits(before[at]) == bits(one)) & (bits(after[at]) == ~bits(one))
            touched = int((~kept).sum()) * one.element_size()
            alike = all(map(_same, _own_memory(first, before), _own_memory(second, after)))
            same = torch.equal(bits(before[at])[~kept], bits(after[at])[~kept])
            total += touched if alike and same else 2 * touched
    return total


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(bits(one), bits(other))


def _own_memory(results: Sequence[Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """The results that are no input, each memory once."""
    taken = {each.untyped_storage().data_ptr() for each in inputs}
    found = []
    for each in results:
        place = each.untyped_storage().data_ptr()
        if place not in taken and each.numel():
            found.append(each)
            taken.add(place)
    return found
