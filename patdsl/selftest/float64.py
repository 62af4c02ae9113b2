"""A graph run in float64: every float of 16 and 32 bits is one of 64, and nothing between is rounded.

In: a graph, inputs. Out: results in float64, but for 8-bit values, which stay: they are the nearest to the exact
ones. The ops of `patdsl` and stand-ins run as the functions that they are. Raises NoFloat64Error where an op looks at
the bits of a float, or writes in a functional form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.fx.node import map_aggregate

from patdsl.reference import results
from patdsl.runtime import torch_api
from patdsl.runtime.torch_api import Graph
from patdsl.selftest.run_graph import run_graph
from patdsl.selftest.stand_ins import plain_torch

WIDENED = (torch.bfloat16, torch.float16, torch.float32)


class NoFloat64Error(Exception):
    """The graph has no meaning in float64; the message says why."""


class _Wide(torch_api.TorchDispatchMode):  # type: ignore[misc]
    def __init__(self, functions: Any) -> None:
        super().__init__()
        self.functions = functions

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = map_aggregate((args, kwargs or {}), _wide_dtype)
        function: Callable[..., Any] | None = self.functions(func)
        if function is not None:
            with self:
                return function(*args, **kwargs)
        if func is torch.ops.aten.view.dtype and (args[0].dtype == torch.float64) != (
            args[1] == torch.float64
        ):
            raise NoFloat64Error("it reads the bits of a float")
        return func(*args, **kwargs)


def _wide_dtype(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in WIDENED else value


def run_float64(graph: Graph, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What the graph returns, in float64. Raises NoFloat64Error."""
    if any(node.target in torch_api.FUNCTIONALIZED for node in graph.nodes):
        raise NoFloat64Error("it holds an op that writes")
    wide = [each.double() if each.dtype in WIDENED else each for each in inputs]
    try:
        # What refuses other dtypes does so for the kernels' sake; the arithmetic has no such limit.
        with mock.patch.object(results, "FLOATS", (*results.FLOATS, torch.float64)), _Wide(plain_torch):
            return run_graph(graph, wide)
    except NoFloat64Error:
        raise
    except Exception as error:  # an op that takes no float64, whatever it raises
        raise NoFloat64Error((str(error).strip() or type(error).__name__).splitlines()[0]) from error
