"""Cuts the options of a failing block down.

In: options, and what fails of them. Out: `shrunk`: every option that the failure does not need at its plainest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import torch
from block_options import HIDDEN, Norm, Options

PLAIN_NORM = Norm("layer", 1e-6)
PLAIN = Options(
    dtype=torch.bfloat16,
    dims=(6, HIDDEN),
    dynamic=False,
    order="pre",
    first=PLAIN_NORM,
    second=PLAIN_NORM,
    qk_norm=None,
    kv_heads=4,
    rope=False,
    bias=False,
    swaps=(False, False, False),
    residual_in=False,
    activation="gelu_two",
    activation_swap=False,
    activation_quant="",
    activation_third=False,
    sum_read=True,
)


def shrunk(options: Options, fails: Callable[[Options], bool]) -> Options:
    while True:
        smaller = next((each for each in _simpler(options) if fails(each)), None)
        if smaller is None:
            return options
        options = smaller


def _simpler(options: Options) -> Iterator[Options]:
    yield from _at_plainest(options, PLAIN)
    for name in ("first", "second"):
        for norm in _at_plainest(getattr(options, name), PLAIN_NORM):
            changed: dict[str, Any] = {name: norm}
            yield attrs.evolve(options, **changed)


def _at_plainest(value: Any, plain: Any) -> Iterator[Any]:
    """The value with one field as it is in `plain`."""
    for field in attrs.fields(type(value)):
        wanted = getattr(plain, field.name)
        if getattr(value, field.name) != wanted:
            yield attrs.evolve(value, **{field.name: wanted})
