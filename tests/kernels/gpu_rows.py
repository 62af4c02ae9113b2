"""Calls of the row ops through `torch.ops` for the cases of `row_cases.py`.

In: a case, inputs, options of the op. Out: what the op gives, by name. Checks nothing.
"""

from __future__ import annotations

from typing import Any

import attrs
import torch
from row_cases import ACTIVATIONS, Case, Inputs, Results
from torch import Tensor

from patdsl.kernels import library

BF16, F16, INT8 = torch.bfloat16, torch.float16, torch.int8
OPTIONS = ("T", "f32", "none", "gemma", "variance")

#: How the sources and quantisations of the cases are spelled in the names of ops.
_SOURCES = {
    "plain": "",
    "norm": "rms_norm_",
    "add_norm": "add_rms_norm_",
    "silu_mul": "silu_mul_",
    "gelu_mul": "gelu_mul_",
}
_ALONE = {
    "norm": "rms_norm",
    "add_norm": "fused_add_rms_norm",
    "gated_norm": "rms_norm_gated",
    "silu_mul": "silu_and_mul",
    "gelu_mul": "gelu_and_mul",
}


def op(name: str) -> Any:
    return getattr(torch.ops.patdsl, name)


def fp8() -> torch.dtype:
    return library.fp8_dtype(library.device_arch(0))


def with_options(case: Case, number: int, hidden: int) -> Case:
    """The case with one of the options that a norm has, in turn."""
    if case.source not in ("norm", "add_norm", "gated_norm"):
        return case
    chosen = OPTIONS[number % (2 if case.source == "gated_norm" else len(OPTIONS))]
    if chosen == "gemma":
        return attrs.evolve(case, gemma=True, weight=("T", "f32")[number % 2])
    if chosen == "variance":
        return attrs.evolve(case, variance_size=(hidden + 2) // 3)
    return attrs.evolve(case, weight=chosen)


def call(case: Case, inputs: Inputs, keep: bool = False, **layout: Any) -> Results:
    """The op of the case. `layout`: col_major and tma_aligned of a group quantisation."""
    given: dict[str, Any] = {"x": inputs.x}
    if case.source in ("norm", "add_norm", "gated_norm"):
        given |= {"weight": inputs.weight, "epsilon": case.epsilon}
    if case.source == "gated_norm":
        given["z"] = inputs.other
        if case.quant == "none":
            return Results(y=op("rms_norm_gated")(**given))
        q, scale = op("gated_rms_norm_group_quant")(**given, group_size=case.group)
        return Results(q=q, scale=scale)
    if case.source in ("norm", "add_norm"):
        given |= {"variance_size": case.variance_size, "gemma": case.gemma}
    if case.source == "add_norm":
        given["residual"] = inputs.other
    if case.quant == "none":
        return _named(case, op(_ALONE[case.source])(**given), ("y",))
    dtype = INT8 if case.int8 else fp8()
    given |= {
        "static": {"scale": inputs.scale, "quant_dtype": dtype},
        "token": {"quant_dtype": dtype},
        "group": {"group_size": case.group, "ue8m0": case.ue8m0, "quant_dtype": dtype, **layout},
        "mx": {},
    }[case.quant]
    found = op(f"{_SOURCES[case.source]}{case.quant}_quant{'_keep' * keep}")(**given)
    return _named(
        case, found, ("q", *(["scale"] if case.quant != "static" else []), *(["y"] if keep else []))
    )


def values(case: Case, inputs: Inputs) -> Tensor:
    """The values before quantisation, of a source where they do not depend on it."""
    if case.source == "plain":
        return inputs.x
    y: Tensor = op(_ALONE[case.source])(inputs.x)
    assert case.source in ACTIVATIONS
    return y


def _named(case: Case, found: Any, names: tuple[str, ...]) -> Results:
    """The sum is the second result of an op that adds."""
    results = [found] if isinstance(found, Tensor) else list(found)
    if case.source == "add_norm":
        names = (names[0], "sum", *names[1:])
    return Results(**dict(zip(names, results, strict=True)))
