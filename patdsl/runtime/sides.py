"""The two sides of a pattern as `register_replacement` wants them: functions whose signature it reads, and examples.

In: a `Pattern`. Out: `Left` and `Right`, which carry name and signature, and example inputs on the meta device. The
sides are not run: torch asks for functions in order to trace them, and with a ready pattern it traces neither.
"""

from __future__ import annotations

import inspect
from typing import Any, NoReturn

import torch

from patdsl.dtypes import FP8, fp8_on
from patdsl.graph import Example, Pattern
from patdsl.runtime.values import torch_dtype


class Side:
    """Name and signature of one side. Calling it is an error: matcher and rewrite work on the pattern itself."""

    _which = "side"

    def __init__(self, pattern: Pattern) -> None:
        self.__name__ = f"{self._which}_{pattern.full_name}"
        self.__signature__ = inspect.Signature(
            [inspect.Parameter(each.name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in pattern.inputs]
        )

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{self.__name__} only carries a signature; "
            "register it together with search_fn_pattern=Matcher(...) and trace_fn=trace"
        )


class Left(Side):
    """What is looked for."""

    _which = "left"


class Right(Side):
    """What takes its place."""

    _which = "right"


def examples(pattern: Pattern) -> list[Any]:
    """One example for each input, in order: tensors without memory, numbers as they are."""
    given = {example.name: example for example in pattern.examples}
    return [_example(given.get(each.name)) for each in pattern.inputs]


def _example(example: Example | None) -> Any:
    if example is None:
        return None
    if example.dims is None or example.dtype is None:
        return None if isinstance(example.value, (tuple, list)) else example.value
    dtype = fp8_on("") if example.dtype.name == FP8 else example.dtype
    return torch.empty(example.dims, dtype=torch_dtype(dtype), device="meta")
