"""The checks of arguments, on CPU tensors: what is wrong is named, what is right passes."""

from __future__ import annotations

import pytest
import torch

from patdsl.kernels import arguments


def test_overlap() -> None:
    memory = torch.zeros(64, dtype=torch.uint8)
    inputs = {"x": memory[:32]}
    arguments.check_apart("op", {"q": memory[32:48], "scale": memory[48:]}, inputs)
    arguments.check_apart("op", {"q": memory[:0]}, inputs)
    with pytest.raises(ValueError, match="op: q and x overlap"):
        arguments.check_apart("op", {"q": memory[31:48]}, inputs)
    with pytest.raises(ValueError, match="op: scale and q overlap"):
        arguments.check_apart("op", {"q": memory[32:48], "scale": memory[47:]}, inputs)


def test_overlap_of_strided_tensors() -> None:
    """A view reaches from its first element to its last."""
    memory = torch.zeros(8, 8)
    with pytest.raises(ValueError, match="overlap"):
        arguments.check_apart("op", {"q": memory[7:, 0]}, {"x": memory.t()[:2]})
    arguments.check_apart("op", {"q": memory[7:, 2:]}, {"x": memory.t()[:2]})


def test_rows() -> None:
    arguments.check_rows("op", "x", torch.zeros(3, 65536, dtype=torch.bfloat16))
    for x, message in (
        (torch.zeros(3, 4), "op: x is torch.float32; accepted: torch.bfloat16, torch.float16"),
        (torch.zeros(3, 0, dtype=torch.float16), "a last dimension of 1 to 65536"),
        (torch.zeros(1, 65537, dtype=torch.float16), "a last dimension of 1 to 65536"),
    ):
        with pytest.raises(ValueError, match=message):
            arguments.check_rows("op", "x", x)
