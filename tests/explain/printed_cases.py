"""Graphs of real compilations, as torch.fx has them and as torch prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from fusing import run_graph
from torch._inductor import config
from torch._inductor.custom_graph_pass import CustomGraphPass
from torch.fx import Graph, GraphModule

import patdsl.register_ops  # noqa: F401  registers the patdsl:: ops
from patdsl.diagnostic import Diagnostics
from patdsl.printed.log_to_texts import read_graphs
from patdsl.printed.text_to_graph import PrintedGraph, read_graph


@torch.library.custom_op("explain::scale_into", mutates_args=("out",))
def scale_into(x: torch.Tensor, out: torch.Tensor, factor: float = 2.0) -> None:
    """Writes a buffer that the caller gives."""
    out.copy_(x * factor)


@torch.library.custom_op("explain::add_twice_", mutates_args=("x", "y"))
def add_twice_(x: torch.Tensor, y: torch.Tensor, count: int) -> torch.Tensor:
    """Writes two operands and returns a third value."""
    x.add_(count)
    y.add_(2 * count)
    return x + y


@add_twice_.register_fake
def _(x: torch.Tensor, y: torch.Tensor, count: int) -> torch.Tensor:
    return torch.empty_like(x)


Shown = Callable[[Graph], Any]


class _Seen(CustomGraphPass):
    """Gives every graph to `show` before anything is changed."""

    def __init__(self, show: Shown) -> None:
        self.show = show
        self.results: list[Any] = []

    def __call__(self, graph: Graph) -> None:
        self.results.append(self.show(graph))

    def uuid(self) -> None:
        """Nothing is answered from a cache."""


def post_grad(
    function: Callable[..., Any], *inputs: Any, show: Shown, dynamic: bool = False, second_form: bool = True
) -> list[Any]:
    """What `show` says of each graph that Inductor hands to a post-grad pass. `dynamic`: the first dims of inputs are
    symbolic, as the token count of a served model is; that the last ones divide is a guard, which no text shows.
    """
    torch.compiler.reset()
    for each in inputs if dynamic else ():
        if each.dim() > 1:
            torch._dynamo.maybe_mark_dynamic(each, 0)
    seen = _Seen(show)
    with (
        torch.no_grad(),
        config.patch(post_grad_custom_post_pass=seen, enable_auto_functionalized_v2=second_form),
    ):
        torch.compile(function, fullgraph=True, dynamic=None if dynamic else False, backend=run_graph)(
            *inputs
        )
    return seen.results


def text_of(graph: Graph) -> str:
    """The graph as `TORCH_LOGS=post_grad_graphs` prints it."""
    owner = graph.owning_module
    module = GraphModule(owner if owner is not None else {}, graph)
    text: str = module.print_readable(print_output=False, include_stride=True, include_device=True)
    return text


def read_text(text: str, folder: Path) -> PrintedGraph:
    """The one graph of a text. Raises AssertionError where it cannot be read."""
    path = folder / "graph.txt"
    path.write_text(text, encoding="utf-8")
    graphs = list(read_all(path))
    assert len(graphs) == 1
    return graphs[0]


def read_all(path: Path, kind: str | None = None) -> Iterator[PrintedGraph]:
    """The graphs of a file or folder. Raises AssertionError where one cannot be read."""
    diagnostics = Diagnostics()
    for text in read_graphs(path, diagnostics, kind):
        graph = read_graph(text, diagnostics)
        assert graph is not None, diagnostics.items
        yield graph
    assert diagnostics.items == []
