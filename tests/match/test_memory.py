"""Which values lie in the same memory, and that no rewrite reads it before it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

import patdsl
from patdsl.match.fx_schema import schema_of

ATEN = torch.ops.aten
CALLS: list[tuple[Any, tuple[Any, ...]]] = [
    (ATEN.split_with_sizes.default, ([2, 4], -1)),
    (ATEN.split_with_sizes_copy.default, ([2, 4], -1)),
    (ATEN.split.Tensor, (2, -1)),
    (ATEN.split_copy.Tensor, (2, -1)),
    (ATEN.chunk.default, (2,)),
    (ATEN.tensor_split.sections, (2,)),
    (ATEN.unbind.int, (0,)),
    (ATEN.unbind_copy.int, (0,)),
    (ATEN.slice.Tensor, (0, 1, 2)),
    (ATEN.slice_copy.Tensor, (0, 1, 2)),
    (ATEN.select.int, (0, 1)),
    (ATEN.view.default, ([-1],)),
    (ATEN.unsqueeze.default, (0,)),
    (ATEN.permute.default, ([1, 0],)),
    (ATEN.clone.default, ()),
]


@pytest.mark.parametrize(("op", "rest"), CALLS, ids=[str(op) for op, _ in CALLS])
def test_what_a_schema_says_of_memory_is_so(op: Any, rest: tuple[Any, ...]) -> None:
    x = torch.randn(4, 6)
    made = op(x, *rest)
    parts = [made] if isinstance(made, Tensor) else list(made)
    shared = {part.untyped_storage().data_ptr() == x.untyped_storage().data_ptr() for part in parts}
    assert shared == {schema_of(op).aliases == 0}


PARTS: list[tuple[str, Callable[[Tensor], Tensor]]] = [
    ("a, b = split(x, [2, 4], -1)", lambda x: torch.split(x, [2, 4], -1)[0]),
    ("a = slice(x, -1, 0, 2)", lambda x: x[:, :2]),
]


@pytest.mark.parametrize(("said", "part"), PARTS, ids=[said for said, _ in PARTS])
def test_a_part_is_read_when_its_reader_runs(
    said: str, part: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    """What writes the whole after it was split changes the parts: a replacement that reads the whole stays behind."""
    path = tmp_path / "part.pat"
    path.write_text(
        f"pattern p(x: T[N, 6]) {{\n  {said}\n  y = relu(a)\n=>\n  y = neg(slice(x, -1, 0, 2))\n}}\n"
    )
    (passes,) = patdsl.load(path)

    def model(x: Tensor) -> Tensor:
        a = part(x)
        x.add_(100)
        return a.relu()

    module = make_fx(model)(torch.rand(3, 6))
    assert passes.apply(module.graph) == 1
    module.recompile()
    x = torch.rand(3, 6)
    assert torch.equal(module(x.clone()), -(x + 100)[:, :2])
