"""Buffers that a call writes and whose contents nobody has read.

In: the type that the buffer's value is to have, the value that it will replace. Out: a `Buffer`, which becomes a node
where a call needs one. Decides strides; allocates nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import torch

from patdsl.dtypes import Dtype
from patdsl.match.found import TensorMeta
from patdsl.runtime import torch_api
from patdsl.runtime.dims import Dims
from patdsl.runtime.nodes import NewNodes
from patdsl.runtime.torch_api import Node
from patdsl.runtime.values import is_contiguous, same, torch_dtype


@attrs.frozen
class Buffer:
    """A tensor to be written. Dims and strides are ints, and nodes that hold symbolic ints."""

    dims: tuple[Any, ...]
    strides: tuple[Any, ...]
    dtype: torch.dtype
    device: torch.device
    row_major: bool

    def allocate(self, new: NewNodes) -> Node:
        """The buffer as a node, spelled as tracing spells `torch.empty` and `torch.empty_strided`."""
        how = {"dtype": self.dtype, "layout": torch.strided, "device": self.device, "pin_memory": False}
        if self.row_major:
            return new.call(torch.ops.aten.empty.memory_format, (list(self.dims),), how)
        return new.call(torch.ops.aten.empty_strided.default, (list(self.dims), list(self.strides)), how)


def buffer_of(
    new: NewNodes,
    dims: Dims,
    meta: TensorMeta,
    strides: Sequence[Any] | None = None,
    view_as: Dtype | None = None,
) -> Buffer:
    """A buffer of type `meta`, row-major unless `strides` are given; `view_as`: of the same bytes in that dtype."""
    with torch_api.propagating(new.fakes.mode()):
        how: dict[str, Any] = {"dtype": torch_dtype(meta.dtype), "device": torch.device(meta.device)}
        example = torch.empty(meta.dims, **how)
        if strides is not None:
            example = torch.empty_strided(meta.dims, tuple(strides), **how)
        if view_as is not None:
            example = example.view(torch_dtype(view_as))
    return Buffer(
        tuple(dims.exactly(example.shape)),
        tuple(dims.exactly(example.stride())),
        example.dtype,
        example.device,
        is_contiguous(example),
    )


def strides_as(old: torch.Tensor, dims: Sequence[Any]) -> tuple[Any, ...] | None:
    """The strides that `old` has when viewed with `dims`; None where it has no such view."""
    if len(old.shape) == len(dims) and same(tuple(old.shape), tuple(dims)):
        return tuple(old.stride())
    try:
        with torch_api.propagating(torch_api.fake_mode_of_tensor(old)):
            return tuple(old.view(tuple(dims)).stride())
    except Exception:
        # torch has no narrower class for "not viewable"; a row-major buffer is tried then, and its type is checked.
        return None
