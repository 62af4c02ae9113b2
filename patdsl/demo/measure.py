"""A model -> what torch.compile makes of it, without and with passes.

In: a `Model`, passes, a device. Out: `Measurement`: ops before and after, matches, distances, times, and what is not as
it should be. Compiles for real, every time with an empty cache; prints nothing.
"""

from __future__ import annotations

import contextlib
import logging
import operator
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import torch

from patdsl.demo.compare import distance, same, value
from patdsl.demo.float64_ops import Float64
from patdsl.demo.models import Model
from patdsl.runtime import Chain, torch_api
from patdsl.torch_private import schema_of

#: Ops that move no data, or would not if the code generator had its way: not counted as left over.
LAYOUT_OPS = frozenset(
    f"aten::{name}"
    for name in (
        *("view", "reshape", "_unsafe_view", "permute", "t", "expand", "squeeze", "unsqueeze", "slice"),
        *("split", "split_with_sizes", "as_strided", "select", "alias"),
    )
)


@attrs.frozen
class Compiled:
    """A compiled model's results. `seconds` is the first call: compiling, and running once."""

    results: tuple[Any, ...]
    before: Counter[str]
    after: Counter[str]
    matches: Counter[str]
    pass_seconds: float
    seconds: float


@attrs.frozen
class Measurement:
    """One model. Distances are in steps of the results (see `Bound`), the largest of all results.

    `identical`: every bit is that of the unfused model, compiled; or of the unfused model run eagerly, where Inductor
    itself leaves out a rounding that the model asks for. `rounds`: patterns that declared to round elsewhere.
    """

    model: Model
    before: Counter[str]
    after: Counter[str]
    matches: Counter[str]
    rounds: tuple[str, ...]
    identical: bool
    from_unfused: float
    from_eager: float
    from_float64: float
    unfused_from_float64: float
    pass_seconds: float
    seconds: float
    unfused_seconds: float
    problems: tuple[str, ...]


class Recorder(torch_api.CustomGraphPass):  # type: ignore[misc]
    """Counts ops, applies `passes` (if any), counts again."""

    def __init__(self, passes: Chain | None) -> None:
        self.passes = passes
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        self.matches: Counter[str] = Counter()
        self.seconds = 0.0
        self.graphs = 0

    def __call__(self, graph: torch.fx.Graph) -> None:
        self.graphs += 1
        self.before += count_ops(graph)
        start = time.perf_counter()
        if self.passes is not None:
            self.passes(graph)
            self.seconds += time.perf_counter() - start
            self.matches += self.passes.last_counts
        self.after += count_ops(graph)

    def uuid(self) -> None:
        """None: Inductor must not answer from its cache, or nothing would be compiled or counted."""


def count_ops(graph: torch.fx.Graph) -> Counter[str]:
    """Calls by op, as `namespace::name`; taking a result out of a tuple is no op."""
    names = (
        _op_name(node)
        for node in graph.nodes
        if node.op == "call_function" and node.target is not operator.getitem
    )
    return Counter(names)


def _op_name(node: torch.fx.Node) -> str:
    """The name of the called op; that of the op inside, for a functionalised call."""
    target: Any = node.target
    if "auto_functionalized" in getattr(target, "__name__", "") and node.args:
        target = node.args[0]
    if isinstance(target, torch_api.OpOverload):
        return str(schema_of(target).name)
    return str(getattr(target, "__name__", target))


@contextlib.contextmanager
def _empty_cache() -> Iterator[None]:
    """Within the block torch.compile knows nothing that it compiled before. Leaves no files, also on an error."""
    logger = logging.getLogger(torch_api.CACHE_LOGGER)
    level = logger.level
    logger.setLevel(logging.ERROR)  # on an error it says that it keeps the folder, which goes all the same
    try:
        with (
            tempfile.TemporaryDirectory(prefix="patdsl-demo-", ignore_cleanup_errors=True) as folder,
            torch_api.fresh_cache(folder),
        ):
            yield
    finally:
        logger.setLevel(level)


def warm_up(device: str) -> float:
    """Compile something small, so that what torch does once (headers, probing the CPU) counts for no model; seconds."""
    start = time.perf_counter()
    compile_and_run(lambda x: (torch.relu(x) + 1,), (torch.ones(64, device=device),), None)
    return time.perf_counter() - start


def compile_and_run(
    function: Callable[..., tuple[Any, ...]], inputs: tuple[torch.Tensor, ...], passes: Chain | None
) -> Compiled:
    """Compile with Inductor, `passes` as its custom post-grad pass, and run once. Nothing is taken from a cache."""
    torch.compiler.reset()
    recorder = Recorder(passes)
    with (
        torch.no_grad(),
        _empty_cache(),
        torch_api.inductor_config.patch(post_grad_custom_post_pass=recorder),
    ):
        start = time.perf_counter()
        results = torch.compile(function, fullgraph=True, dynamic=False)(*inputs)
        seconds = time.perf_counter() - start
    if recorder.graphs != 1:
        raise RuntimeError(f"a model became {recorder.graphs} graphs; the demo's models become one")
    return Compiled(results, recorder.before, recorder.after, recorder.matches, recorder.seconds, seconds)


def measure(model: Model, passes: Chain, device: str) -> Measurement:
    """Compile `model` without and with `passes`, and compare."""

    def forward(*tensors: torch.Tensor) -> tuple[Any, ...]:
        return model.forward(torch.ops.patdsl, *tensors)

    inputs = model.make_inputs(device)
    with torch.no_grad():
        eager = forward(*inputs)
        exact = model.forward(Float64(), *(value(tensor) for tensor in inputs))
    unfused = compile_and_run(forward, inputs, None)
    fused = compile_and_run(forward, inputs, passes)

    def largest(results: tuple[Any, ...], others: tuple[Any, ...]) -> float:
        rows = zip(results, others, exact, model.bounds, strict=True)
        return max(distance(one, other, true, bound.sums) for one, other, true, bound in rows)

    declared = _declared_roundings(passes, fused.matches)
    identical = same(fused.results, unfused.results) or same(fused.results, eager)
    return Measurement(
        model,
        fused.before,
        fused.after,
        fused.matches,
        declared,
        identical,
        largest(fused.results, unfused.results),
        largest(fused.results, eager),
        largest(fused.results, exact),
        largest(unfused.results, exact),
        fused.pass_seconds,
        fused.seconds,
        unfused.seconds,
        tuple(_problems(model, fused, exact, identical or bool(declared))),
    )


def _declared_roundings(passes: Chain, matches: Counter[str]) -> tuple[str, ...]:
    return tuple(
        pattern.full_name
        for each in passes
        for pattern in each.spec.patterns
        if pattern.rounds and matches[pattern.full_name]
    )


def _problems(model: Model, fused: Compiled, exact: tuple[Any, ...], same_values: bool) -> Iterator[str]:
    left = {name: count for name, count in fused.after.items() if name not in LAYOUT_OPS}
    if left != dict(model.fused):
        yield f"expected {in_words(model.fused)} after the passes, found {in_words(left)}"
    if not same_values:
        yield "results differ from those of the unfused model"
    for at, (result, true, bound) in enumerate(zip(fused.results, exact, model.bounds, strict=True)):
        steps = distance(result, true, true, bound.sums)
        if steps > bound.steps:
            yield f"result {at} is {steps:.3g} steps from float64; at most {bound.steps} can be explained"


def in_words(counts: Mapping[str, int]) -> str:
    """`rms_norm, 2 group_quant`: in the order of the counts, without namespaces."""
    words = ((count, name.rpartition("::")[2]) for name, count in counts.items())
    return ", ".join(f"{count} {name}" if count > 1 else name for count, name in words) or "nothing"
