"""A graph, run node by node on real tensors, and its results compared.

In: a graph, types of its inputs, a seed. Out: results; or in words how two differ. Inputs are made anew for each run,
equal for an equal seed, so that what a graph writes to them can be compared too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from patdsl.dtypes import Dtype
from patdsl.match.found import TensorMeta
from patdsl.reference.serving import Written, keeping
from patdsl.runtime import torch_api
from patdsl.runtime.torch_api import Graph
from patdsl.runtime.values import torch_dtype

Inputs = Sequence[tuple[str, TensorMeta]]
#: Another way to fill a float input: values and a generator -> values.
Fill = Callable[[Tensor, torch.Generator], Tensor]
_PRODUCTS = {torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.bmm, torch.ops.aten.baddbmm}


def make_inputs(
    inputs: Inputs, device: str, seed: int, fill: Fill | None = None, made_on: str = "cpu"
) -> list[Tensor]:
    """A tensor of each type. Made on the CPU they are the same for every device, and large ones take long.

    Floats are normal with some of other magnitudes, integers are distinct and small, so that they can index; a float
    tensor of one element is positive, as scales are.
    """
    chance = torch.Generator(made_on).manual_seed(seed)
    return [_laid_out(_tensor(meta, chance, fill).to(device), meta) for _, meta in inputs]


def _laid_out(values: Tensor, meta: TensorMeta) -> Tensor:
    """With the strides of `meta`; what lies between the elements is not a number."""
    if meta.strides is None or tuple(meta.strides) == values.stride():
        return values
    size = sum((extent - 1) * by for extent, by in zip(meta.dims, meta.strides, strict=True)) + 1
    whole = torch.zeros(max(size, 0), dtype=values.dtype, device=values.device)
    if values.dtype.is_floating_point:
        whole = whole.float().fill_(math.nan).to(values.dtype)
    return torch.as_strided(whole, meta.dims, meta.strides).copy_(values)


def _tensor(meta: TensorMeta, chance: torch.Generator, fill: Fill | None) -> Tensor:
    dtype = torch_dtype(meta.dtype)
    if meta.dtype == Dtype("bool"):
        return torch.rand(meta.dims, generator=chance, device=chance.device) < 0.5
    if not dtype.is_floating_point:
        count = math.prod(meta.dims)
        numbers = torch.randperm(count, generator=chance, device=chance.device)
        info = torch.iinfo(dtype)
        return (numbers % (info.max + 1 if info.bits < 32 else count or 1)).reshape(meta.dims).to(dtype)
    values = torch.randn(meta.dims, generator=chance, device=chance.device)
    if values.numel() == 1:
        return (values.abs() + 0.25).to(dtype)
    spread = torch.exp2(torch.randn(meta.dims, generator=chance, device=chance.device))
    made = (values * spread).clamp(-400, 400)
    return (fill(made, chance) if fill is not None else made).to(dtype)


def run_graph(graph: Graph, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What the graph returns, and then what it writes to caches that no argument carries, as one f64 tensor."""
    module = torch_api.GraphModule(torch.nn.Module(), graph)
    with torch.no_grad(), keeping() as written:
        results: tuple[Tensor, ...] = _Run(module).run(*inputs)
    return *results, _in_one(written)


def _in_one(written: Written) -> Tensor:
    """The layers' names and the values, in the order of the writes."""
    parts = [torch.empty(0, dtype=torch.float64)]
    for layer, values in written:
        parts.append(torch.tensor([ord(char) for char in layer], dtype=torch.float64))
        parts += [each.double().flatten().cpu() for each in values]
    return torch.cat(parts)


class _Run(torch.fx.Interpreter):
    """Equal operands give equal products.

    A library of matrix products chooses its kernel, and with it the order of the sums, by the strides of the operands.
    A part of a padded row would else be compared by the bits of another order.
    """

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if getattr(target, "overloadpacket", None) in _PRODUCTS:
            args = tuple(each.contiguous() if isinstance(each, Tensor) else each for each in args)
        return super().call_function(target, args, kwargs)


def copy_of(graph: Graph) -> Graph:
    """The same nodes under the same names, with what is recorded of them."""
    copied = torch_api.Graph()
    returned = copied.graph_copy(graph, {})
    copied.output(returned)
    return copied


def difference(found: Tensor, expected: Tensor) -> str | None:
    """How two tensors differ in type, strides or bits; None where they do not. Every NaN is like any other."""
    types: tuple[tuple[str, Any, Any], ...] = (
        ("dtype", found.dtype, expected.dtype),
        ("shape", list(found.shape), list(expected.shape)),
        ("strides", _strides(found), _strides(expected)),
    )
    for name, is_so, wanted in types:
        if is_so != wanted:
            return f"{name} {is_so}, expected {wanted}"
    mine, other = bits(found), bits(expected)
    unequal = torch.ne(mine, other)
    if found.is_floating_point():
        unequal &= ~(found.float().isnan() & expected.float().isnan())
    count = int(unequal.sum())
    if not count:
        return None
    at = tuple(int(each) for each in unequal.nonzero()[0])
    number, total = f"{count:,}", f"{found.numel():,}"
    first = f"{_item(found, at)}, expected {_item(expected, at)}"
    return f"{number} of {total} elements differ, first at {list(at)}: {first}"


def bits(tensor: Tensor) -> Tensor:
    """The bytes of each element as one integer."""
    whole: dict[int, Any] = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return tensor.contiguous().view(whole[tensor.element_size()])


def _strides(tensor: Tensor) -> list[int]:
    """Strides of dims of one element say nothing."""
    return [step if size > 1 else 0 for size, step in zip(tensor.shape, tensor.stride(), strict=True)]


def _item(tensor: Tensor, at: tuple[int, ...]) -> Any:
    item = tensor[at]
    return item.float().item() if tensor.is_floating_point() else item.item()
