"""Parts of a projection that are written in place: read where they were made, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from patdsl.vllm.written_parts import read_written_parts

ATEN = torch.ops.aten
SIZES = [4, 2, 2]


def traced(model: Callable[..., Any], *inputs: torch.Tensor) -> GraphModule:
    return make_fx(model, tracing_mode="fake")(*inputs)


def tensors() -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    return torch.randn(3, 8), torch.randn(3, 4), torch.randn(3, 2)


def count(gm: GraphModule, op: Any) -> int:
    return len(gm.graph.find_nodes(op="call_function", target=op))


def scattered(x: torch.Tensor, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    x = ATEN.slice_scatter(x, q.sin(), 1, 0, 4)
    return ATEN.slice_scatter(x, k.sin(), -1, 4, 6)


def split(x: torch.Tensor) -> list[torch.Tensor]:
    return ATEN.split_with_sizes(x, SIZES, -1)


def assert_same(gm: GraphModule, model: Callable[..., Any]) -> None:
    gm.graph.lint()
    gm.recompile()
    for found, expected in zip(gm(*tensors()), model(*tensors()), strict=True):
        assert torch.equal(found, expected)


def test_each_part_is_what_was_written_or_what_was_there():
    def model(x, q, k):
        whole = scattered(x, q, k)
        q_r, k_r, v = split(whole)
        return q_r * 2, k_r * 2, v * 2

    gm = traced(model, *tensors())
    assert read_written_parts(gm.graph) == 3
    assert count(gm, ATEN.slice_scatter.default) == 0
    assert_same(gm, model)


def test_the_whole_may_be_read_elsewhere():
    def model(x, q, k):
        whole = scattered(x, q, k)
        return [part * 2 for part in split(whole)] + [whole.cos()]

    gm = traced(model, *tensors())
    assert read_written_parts(gm.graph) == 3
    assert count(gm, ATEN.slice_scatter.default) == 2
    assert_same(gm, model)


def half(x, q, k):
    return [part * 2 for part in split(ATEN.slice_scatter(x, k, 1, 3, 5))]


def every_second(x, q, k):
    return [part * 2 for part in split(ATEN.slice_scatter(x, k, 1, 0, 4, 2))]


def rows(x, q, k):
    return [part * 2 for part in split(ATEN.slice_scatter(x, x[:1], 0, 0, 1))]


def other_sizes(x, q, k):
    return [part * 2 for part in ATEN.split_with_sizes(scattered(x, q, k), [5, 3], 1)]


@pytest.mark.parametrize(
    ("model", "read"),
    [(half, 1), (every_second, 0), (rows, 0), (other_sizes, 0)],
    ids=lambda each: getattr(each, "__name__", str(each)),
)
def test_what_is_written_in_part_is_read_from_the_copy(model, read):
    gm = traced(model, *tensors())
    assert read_written_parts(gm.graph) == read
    assert_same(gm, model)


def test_the_last_write_counts():
    def model(x, q, k):
        twice = ATEN.slice_scatter(ATEN.slice_scatter(x, q, 1, 0, 4), q.cos(), 1, 0, 4)
        return [split(twice)[0] * 2]

    gm = traced(model, *tensors())
    assert read_written_parts(gm.graph) == 1
    assert_same(gm, model)


def test_what_the_graph_returns_keeps_its_strides():
    def model(x, q, k):
        return split(scattered(x, q, k))

    gm = traced(model, *tensors())
    assert read_written_parts(gm.graph) == 0
    assert_same(gm, model)
