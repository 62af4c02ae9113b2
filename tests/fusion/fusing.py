"""torch.compile with passes, for the tests in this folder: what was fused, and whether anything else changed.

Two ways to compile: Inductor for real, or, without code generation, Inductor's post-grad passes and then the graph node
by node, which takes a tenth of the time and shows the same graphs to a pass.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import torch
from torch._inductor import config
from torch._inductor.compile_fx import compile_fx
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch._inductor.fx_passes.post_grad import post_grad_passes

import patdsl
import patdsl.reference  # registers torch.ops.patdsl
from patdsl.locate import library_folder
from patdsl.runtime import Chain

OPS = torch.ops.patdsl
BF16 = torch.bfloat16


def bf16(*dims: int, seed: int = 0) -> torch.Tensor:
    """Normal values of a seed."""
    return torch.randn(dims, generator=torch.Generator().manual_seed(seed)).to(BF16)


@attrs.frozen
class Compiled:
    """`before` and `after` count calls by op, without `getitem` and namespaces; `graphs` is how many there were."""

    results: Any
    before: Counter[str]
    after: Counter[str]
    matches: Counter[str]
    graphs: int
    function: Callable[..., Any]


class Recorder(CustomGraphPass):
    """Applies `change` (of a test) and then `passes`, and counts ops around `passes`."""

    def __init__(self, passes: Chain, change: Callable[[torch.fx.Graph], None] | None) -> None:
        self.passes, self.change = passes, change
        self.before: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        self.matches: Counter[str] = Counter()
        self.graphs = 0

    def __call__(self, graph: torch.fx.Graph) -> None:
        if self.change is not None:
            self.change(graph)
        self.graphs += 1
        self.before += count(graph)
        self.passes(graph)
        graph.lint()
        self.after += count(graph)
        self.matches += self.passes.last_counts

    def uuid(self) -> None:
        """None: nothing is answered from a cache."""


@cache
def whole_library() -> Chain:
    """The passes of every file of the library."""
    return library(*(path.stem for path in sorted(library_folder().glob("*.pat"))))


@cache
def library(*names: str) -> Chain:
    """The passes of these files of the library."""
    return Chain([each for name in names for each in patdsl.load(library_folder() / f"{name}.pat")])


def passes_of(folder: Path, text: str) -> Chain:
    """The passes of a file that holds `text`."""
    path = folder / "own.pat"
    path.write_text("import vllm_ir\nimport aiter\nimport patdsl\n" + text)
    return patdsl.load(path)


def count(graph: torch.fx.Graph) -> Counter[str]:
    return Counter(
        _name(node)
        for node in graph.nodes
        if node.op == "call_function" and node.target is not operator.getitem
    )


def _name(node: torch.fx.Node) -> str:
    target = node.target
    if "auto_functionalized" in getattr(target, "__name__", ""):
        target = node.args[0]
    schema = getattr(target, "_schema", None)
    if schema is None:  # arithmetic of sizes
        return target.__name__
    return schema.name.removeprefix("patdsl::").removeprefix("aten::")


def run_graph(gm: torch.fx.GraphModule, inputs: list[Any]) -> Any:
    """A torch.compile backend: Inductor as far as its post-grad passes, then the graph itself."""

    def inner(inner_gm: torch.fx.GraphModule, example_inputs: Any, **options: Any) -> Any:
        post_grad_passes(inner_gm, True)
        inner_gm.recompile()
        return inner_gm

    return compile_fx(gm, inputs, inner_compile=inner)


def compiled(
    function: Callable[..., Any],
    *inputs: Any,
    passes: Chain,
    inductor: bool = False,
    dynamic: bool | None = False,
    change: Callable[[torch.fx.Graph], None] | None = None,
) -> Compiled:
    """Compile a function with `passes`, and run it. It may be called again with other inputs."""
    torch.compiler.reset()
    recorder = Recorder(passes, change)

    def call(*args: Any) -> Any:
        with config.patch(post_grad_custom_post_pass=recorder):
            return made(*args)

    made = torch.compile(
        function, fullgraph=True, dynamic=dynamic, backend="inductor" if inductor else run_graph
    )
    results = call(*inputs)
    return Compiled(results, recorder.before, recorder.after, recorder.matches, recorder.graphs, call)


def assert_same(results: Any, others: Any) -> None:
    """Equal in structure, dtype, shape, strides and every bit."""
    if isinstance(others, (tuple, list)):
        assert len(results) == len(others)
        for one, other in zip(results, others, strict=True):
            assert_same(one, other)
    elif isinstance(others, torch.Tensor):
        assert (results.dtype, results.shape) == (others.dtype, others.shape)
        assert results.stride() == others.stride()
        whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[others.element_size()]
        assert torch.equal(results.contiguous().view(whole), others.contiguous().view(whole))
    else:
        assert results == others


def assert_fuses(
    function: Callable[..., Any], *inputs: Any, after: dict[str, int], **options: Any
) -> Compiled:
    """The passes leave exactly `after`, and the results are those of the function run as it is."""
    expected = function(*[each.clone() if isinstance(each, torch.Tensor) else each for each in inputs])
    made = compiled(function, *inputs, **options)
    assert made.graphs == 1
    assert made.after == after
    assert made.before != made.after
    assert_same(made.results, expected)
    return made


def assert_left_alone(
    function: Callable[..., Any], *inputs: Any, has: dict[str, int], **options: Any
) -> Compiled:
    """The passes change nothing, though the graph has the ops that are to be fused."""
    expected = function(*[each.clone() if isinstance(each, torch.Tensor) else each for each in inputs])
    made = compiled(function, *inputs, **options)
    assert made.graphs == 1
    assert {name: made.before[name] for name in has} == has
    assert made.after == made.before
    assert not made.matches
    assert_same(made.results, expected)
    return made
