"""What running a graph promises to those who compare."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from patdsl.selftest.run_graph import run_graph


def test_products_do_not_depend_on_the_strides_of_their_operands() -> None:
    strides = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.ops.aten.mm.default:
                strides.extend(each.stride() for each in args)
            return func(*args, **(kwargs or {}))

    graph = torch.fx.Graph()
    x, w = graph.placeholder("x"), graph.placeholder("w")
    part = graph.call_function(torch.ops.aten.slice.Tensor, (x, 1, 0, 6))
    turned = graph.call_function(torch.ops.aten.t.default, (w,))
    graph.output((graph.call_function(torch.ops.aten.mm.default, (part, turned)),))
    with Watch():
        run_graph(graph, [torch.randn(4, 8), torch.randn(3, 6)])
    assert strides == [(6, 1), (3, 1)]
