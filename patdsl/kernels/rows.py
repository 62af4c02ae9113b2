"""The kernels that work row by row: norms, activations and quantisations.

In: tensors on one GPU. Out: the ops by name, and `launch`, which fills tensors that the caller has. What they are made
of: `rows_checks.py` and `arguments.py` say what is accepted, `rows_ops.py` and `rows_in_place.py` are the ops,
`rows_quant.py` the results of a quantisation, `rows_new.py` the launch, `rows_call.py` its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from patdsl.kernels import dual_norm, rows_in_place, rows_ops
from patdsl.kernels.rows_launch import launch

__all__ = ["launch", "ops"]


def ops() -> Mapping[str, Callable[..., Any]]:
    """Every op that has a row kernel, by its name."""
    from patdsl.reference.rows import QUANTISATIONS, ROW_OPS

    table = rows_ops.of_table(ROW_OPS.values(), QUANTISATIONS)
    return {**table, **rows_ops.OPS, **rows_in_place.OPS, **dual_norm.OPS}
