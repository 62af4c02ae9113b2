"""Answers the questions of `where` and guards about tensors: `dtype(x)`, `rank(x)`, `contiguous(x)`, ...

In: a question of `expr.TENSOR_FUNCTIONS` and a value of the matcher. Out: the answer, or UNKNOWN where the graph does
not say. `device` answers without the index (`cuda`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from patdsl.expr import UNKNOWN, EvaluationError
from patdsl.match.found import TensorMeta, Value
from patdsl.match.layout import is_contiguous, numel


def answers(known: Callable[[Any], Any], meta_of: Callable[[Any], Any] | None = None) -> Callable[..., Any]:
    """`ask` for a `Scope`. `meta_of` gives the type of what is not a `Value` (a value of the right side)."""

    def ask(question: str, value: Any = None, *more: Any) -> Any:
        meta = value.meta if isinstance(value, Value) else meta_of(value) if meta_of else None
        if meta is None and isinstance(value, Value):
            return UNKNOWN
        if not isinstance(meta, TensorMeta):
            raise EvaluationError(
                f"{question}() of {'none' if value is None else value}, which is not a tensor"
            )
        return _answer(question, meta, more, known)

    return ask


def _answer(question: str, meta: TensorMeta, more: tuple[Any, ...], known: Callable[[Any], Any]) -> Any:
    if question == "dtype":
        return meta.dtype
    if question == "rank":
        return len(meta.dims)
    if question == "numel":
        return numel(meta.dims)
    if question == "device":
        return meta.device.split(":")[0] or UNKNOWN  # a proof is of every device
    if question == "contiguous":
        return is_contiguous(meta, known)
    if question == "shape":
        return meta.dims
    if len(more) != 1 or not isinstance(more[0], int) or not -len(meta.dims) <= more[0] < len(meta.dims):
        raise EvaluationError(f"size() takes a tensor and one of its {len(meta.dims)} dims")
    return meta.dims[more[0]]
