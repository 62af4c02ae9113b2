"""What calls give on fake values, worked out once for all calls of one op on inputs of equal types.

In: an op, arguments with fake tensors for nodes. Out: the fake value of its result, each time one of its own. The
layers of a model make the same call dozens of times, and a fake implementation takes longer than the rest of a rewrite.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch.fx.node import map_aggregate

from patdsl.runtime import torch_api
from patdsl.runtime.signature import signature_of
from patdsl.runtime.torch_api import Graph, OpOverload
from patdsl.runtime.values import same, value_of


class EmitError(ValueError):
    """A node of the right side cannot be made; the message is the reason that a report shows."""


class FakeResults:
    """The results of calls in one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._mode: Any = None
        self._known: dict[Hashable, Any] = {}

    def of(self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `target` gives. Raises EmitError where its fake implementation fails."""
        key = _key((target, args, tuple(kwargs.items()))) if _makes_new_tensors(target) else None
        if key is None:
            return self._run(target, args, kwargs)
        if key not in self._known:
            result = self._run(target, args, kwargs)
            if _can_be_remade(result, _symbols((args, kwargs))):
                self._known[key] = result
            return result
        return map_aggregate(self._known[key], torch_api.fake_like)

    def mode(self, values: Any = ()) -> Any:
        """The fake mode of these values, or of the graph. Raises EmitError where there is none."""
        if self._mode is None:
            self._mode = _mode_in(values) or _mode_of(self._graph)
        return self._mode

    def _run(self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            with torch_api.propagating(self.mode((args, kwargs))):
                return target(*args, **kwargs)
        except Exception as error:
            # A fake implementation is the integrator's code and may raise anything; compilation must go on.
            raise EmitError(
                f"the fake implementation of {name_of(target, args)} failed: {_first_line(error)}"
            ) from error


def name_of(target: Any, args: tuple[Any, ...] = ()) -> str:
    """How a reason calls an op; a functionalised call goes by the op that it calls."""
    if target in torch_api.FUNCTIONALIZED and args:
        target = args[0]
    return (
        str(target) if isinstance(target, torch_api.OpOverload) else getattr(target, "__name__", str(target))
    )


def _makes_new_tensors(target: Any) -> bool:
    """Whether every result is a tensor of its own, whose type follows from the types of the arguments."""
    if target in torch_api.FUNCTIONALIZED:
        return True
    return isinstance(target, OpOverload) and not signature_of(target).aliases


def _key(value: Any) -> Hashable:
    """Equal for arguments on which a call gives results of equal types; None where that is not known."""
    if isinstance(value, torch.Tensor):
        return _tensor_key(value)
    if isinstance(value, (tuple, list)):
        items = tuple(map(_key, value))
        return None if None in items else (type(value), items)
    if isinstance(value, float):
        return (float, value.hex())
    if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        return (type(value), torch_api.symbol_of(value))
    try:
        hash(value)
    except TypeError:
        return None
    return (type(value), value)


def _tensor_key(tensor: torch.Tensor) -> Hashable:
    if type(tensor) is not torch_api.FakeTensor or tensor.layout is not torch.strided:
        return None
    sizes = tuple(
        torch_api.symbol_of(each) if torch_api.is_symbolic(each) else each for each in _sizes(tensor)
    )
    return (tensor.dtype, tensor.device, tensor.dim(), sizes, tensor.requires_grad)


def _sizes(tensor: torch.Tensor) -> tuple[Any, ...]:
    return (*tensor.shape, *tensor.stride(), tensor.storage_offset())


def _can_be_remade(result: Any, symbols: set[Any]) -> bool:
    """Whole tensors of a known key, without symbols beside `symbols`: a new one stands for a new number each time."""
    items = _flat(result)
    return _symbols(result) <= symbols and all(
        isinstance(each, torch.Tensor) and _tensor_key(each) is not None and same(each.storage_offset(), 0)
        for each in items
    )


def _symbols(values: Any) -> set[Any]:
    """What the sizes and numbers in nested values are made of."""
    numbers: list[Any] = []
    for item in _flat(values):
        numbers.extend(_sizes(item) if isinstance(item, torch_api.FakeTensor) else [item])
    return {
        symbol
        for number in numbers
        if isinstance(number, (torch.SymInt, torch.SymFloat, torch.SymBool))
        for symbol in torch_api.symbol_of(number).free_symbols
    }


def _flat(values: Any) -> list[Any]:
    found: list[Any] = []
    map_aggregate(values, found.append)
    return found


def _mode_in(values: Any) -> Any:
    """The fake mode of the first fake tensor in nested values, or None."""
    fakes = (each for each in _flat(values) if isinstance(each, torch_api.FakeTensor))
    return next(map(torch_api.fake_mode_of_tensor, fakes), None)


def _mode_of(graph: Graph) -> Any:
    """The fake mode that the graph was traced under. Raises EmitError where no node holds a fake tensor."""
    for node in graph.nodes:
        value = value_of(node)
        if isinstance(value, torch_api.FakeTensor):
            return torch_api.fake_mode_of_tensor(value)
    raise EmitError("no node of the graph holds a fake tensor")


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
