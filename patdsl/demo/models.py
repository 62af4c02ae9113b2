"""The models of the demo: parts of DeepSeek-V3.2 as a serving engine runs them, in bf16, with few rows.

In: sizes, a seed. Out: `Model` values: a function, its inputs, the ops that must be left after fusion, and how far each
result may be from a float64 computation. Each `forward(ops, ...)` is written once and runs over `torch.ops.patdsl` or,
on float64 tensors, over `float64_ops.Float64`. Compiles and measures nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import functional

from patdsl.reference import fp8_dtype

ROWS = 32
HIDDEN = 7168
Q_LORA = 1536
KV_LORA = 512
ROPE = 64
MOE = 2048  # the width of an expert
EXPERTS = 256
PADDED = 8192
EPSILON = 1e-6
GROUP = 128


@attrs.frozen
class Bound:
    """How far a result may be from float64, in steps: distances of neighbouring values of the result's dtype there.

    Results that are a quantised tensor and its scales are compared as their product, in steps of the quantised dtype.
    `sums`: where terms cancel, a step of the result itself means nothing, and none below that at its RMS is taken.
    """

    steps: float
    sums: bool = False


# bf16 has 8 bits of precision, so that one rounding moves a value by at most 2^-8 of it, which is one step where the
# value is just below a power of two; rounding to the result itself adds half a step. fp32 noise is in the last digit.
ADDED = Bound(0.51)  # rounded once
NORM = Bound(1.51)  # rounded before the weight and after it
# An fp8 step is 16 bf16 steps: half a step, and 1/16 for each of the two roundings before it.
QUANTISED = Bound(0.65)
# Errors of half a bf16 step in each of 7168 terms add up as their square root does: about 0.4 steps of a result as
# large as the RMS. The largest of 8192 such results is within 5 standard deviations; half a step for the result itself.
LOGITS = Bound(2.5, sums=True)


@attrs.frozen
class Model:
    """`forward(ops, *inputs)` returns as many results as `bounds`; a result is a tensor, or (quantised, scale).

    `fused` counts, by name, the ops other than layout ops that the post-grad graph must hold after the passes.
    """

    name: str
    title: str
    forward: Callable[..., tuple[Any, ...]]
    inputs: tuple[tuple[int, ...], ...]
    bounds: tuple[Bound, ...]
    fused: Mapping[str, int]

    def make_inputs(self, device: str, seed: int = 0) -> tuple[Tensor, ...]:
        """bf16 tensors: weights (one dim) around 1, the rest normal; the same values on every device."""
        random = torch.Generator().manual_seed(seed)
        made = []
        for dims in self.inputs:
            values = torch.randn(dims, generator=random)
            values = 1 + 0.1 * values if len(dims) == 1 else values
            made.append(values.to(torch.bfloat16).to(device))
        return tuple(made)


def _two_quants(ops: Any, x: Tensor, weight: Tensor) -> tuple[Any, ...]:
    y = ops.rms_norm(torch.relu(x), weight, EPSILON)
    return ops.group_quant(y, GROUP), ops.group_quant(y, GROUP)


def _two_quants_shared_view(ops: Any, x: Tensor, weight: Tensor) -> tuple[Any, ...]:
    flat = ops.rms_norm(torch.relu(x), weight, EPSILON).view(-1, HIDDEN)
    return ops.group_quant(flat, GROUP), ops.group_quant(flat, GROUP)


def _two_quants_view_each(ops: Any, x: Tensor, weight: Tensor) -> tuple[Any, ...]:
    y = ops.rms_norm(torch.relu(x), weight, EPSILON)
    return ops.group_quant(y.view(-1, HIDDEN), GROUP), ops.group_quant(y.view(ROWS, HIDDEN), GROUP)


def _add_two_quants(ops: Any, x: Tensor, residual: Tensor, weight: Tensor) -> tuple[Any, ...]:
    y, residual = ops.fused_add_rms_norm(torch.relu(x), residual, weight, EPSILON)
    return ops.group_quant(y, GROUP), ops.group_quant(y, GROUP), residual


def _plain_add_two_quants(ops: Any, x: Tensor, residual: Tensor, weight: Tensor) -> tuple[Any, ...]:
    residual = torch.relu(x) + residual
    y = ops.rms_norm(residual, weight, EPSILON)
    return ops.group_quant(y, GROUP), ops.group_quant(y, GROUP), residual


def _plain_add(ops: Any, x: Tensor, residual: Tensor, weight: Tensor) -> tuple[Any, ...]:
    residual = torch.relu(x) + residual
    return ops.rms_norm(residual, weight, EPSILON), residual


def _token_quant(ops: Any, x: Tensor, weight: Tensor) -> tuple[Any, ...]:
    return (ops.token_quant(ops.rms_norm(torch.relu(x), weight, EPSILON), FP8),)


def _add_token_quant(ops: Any, x: Tensor, residual: Tensor, weight: Tensor) -> tuple[Any, ...]:
    y, residual = ops.fused_add_rms_norm(torch.relu(x), residual, weight, EPSILON)
    return ops.token_quant(y, FP8), residual


def _mla_norms(ops: Any, qkv: Tensor, q_weight: Tensor, kv_weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    q, kv = torch.split(torch.relu(qkv), [Q_LORA, KV_LORA + ROPE], -1)
    kv, k_pe = torch.split(kv, [KV_LORA, ROPE], -1)
    return ops.rms_norm(q, q_weight, EPSILON), ops.rms_norm(kv, kv_weight, EPSILON), k_pe


def _mla_group_quant(ops: Any, qkv: Tensor, q_weight: Tensor, kv_weight: Tensor) -> tuple[Any, ...]:
    q, kv, k_pe = _mla_norms(ops, qkv, q_weight, kv_weight)
    return ops.group_quant(q, GROUP), kv, k_pe


def _mla_token_quant(ops: Any, qkv: Tensor, q_weight: Tensor, kv_weight: Tensor) -> tuple[Any, ...]:
    q, kv, k_pe = _mla_norms(ops, qkv, q_weight, kv_weight)
    return ops.token_quant(q, FP8), kv, k_pe


def _silu_mul(ops: Any, x: Tensor) -> tuple[Any, ...]:
    return (ops.group_quant(ops.silu_and_mul(x), GROUP),)


def _silu_mul_native(ops: Any, x: Tensor) -> tuple[Any, ...]:
    return (ops.group_quant(functional.silu(x[..., :MOE]) * x[..., MOE:], GROUP),)


def _pad_and_router(ops: Any, x: Tensor, residual: Tensor, weight: Tensor, router: Tensor) -> tuple[Any, ...]:
    y, residual = ops.fused_add_rms_norm(torch.relu(x), residual, weight, EPSILON)
    return functional.pad(y, (0, PADDED - HIDDEN)), functional.linear(y, router), residual


FP8 = fp8_dtype()
_ROWS, _BATCH = (ROWS, HIDDEN), (4, ROWS // 4, HIDDEN)
_NORM, _ADD = (_ROWS, (HIDDEN,)), (_ROWS, _ROWS, (HIDDEN,))
_MLA = ((ROWS, Q_LORA + KV_LORA + ROPE), (Q_LORA,), (KV_LORA,))
_TWO = (QUANTISED, QUANTISED)
_RELU = {"aten::relu": 1}

MODELS = (
    Model(
        "norm_two_quants",
        "norm, two group quants",
        _two_quants,
        _NORM,
        _TWO,
        {**_RELU, "patdsl::rms_norm_group_quant": 1},
    ),
    Model(
        "norm_two_quants_shared_view",
        "norm in 3-D, one view, two group quants",
        _two_quants_shared_view,
        (_BATCH, (HIDDEN,)),
        _TWO,
        {**_RELU, "patdsl::rms_norm_group_quant": 1},
    ),
    Model(
        "norm_two_quants_view_each",
        "norm in 3-D, two group quants with a view each",
        _two_quants_view_each,
        (_BATCH, (HIDDEN,)),
        _TWO,
        {**_RELU, "patdsl::rms_norm_group_quant": 1},
    ),
    Model(
        "add_norm_two_quants",
        "fused-add norm, two group quants",
        _add_two_quants,
        _ADD,
        (*_TWO, ADDED),
        {**_RELU, "patdsl::add_rms_norm_group_quant": 1},
    ),
    Model(
        "plain_add_norm_two_quants",
        "add, norm, two group quants",
        _plain_add_two_quants,
        _ADD,
        (*_TWO, ADDED),
        {**_RELU, "patdsl::add_rms_norm_group_quant": 1},
    ),
    Model(
        "plain_add_norm",
        "add, norm",
        _plain_add,
        _ADD,
        (NORM, ADDED),
        {**_RELU, "patdsl::fused_add_rms_norm": 1},
    ),
    Model(
        "norm_token_quant",
        "norm, per-token quant",
        _token_quant,
        _NORM,
        (QUANTISED,),
        {**_RELU, "patdsl::rms_norm_token_quant": 1},
    ),
    Model(
        "add_norm_token_quant",
        "fused-add norm, per-token quant",
        _add_token_quant,
        _ADD,
        (QUANTISED, ADDED),
        {**_RELU, "patdsl::add_rms_norm_token_quant": 1},
    ),
    Model(
        "mla_norms",
        "MLA: norms of q and kv",
        _mla_norms,
        _MLA,
        (NORM, NORM, ADDED),
        {**_RELU, "patdsl::mla_dual_rms_norm": 1},
    ),
    Model(
        "mla_norms_group_quant",
        "MLA: norms, group quant of q",
        _mla_group_quant,
        _MLA,
        (QUANTISED, NORM, ADDED),
        {**_RELU, "patdsl::mla_dual_rms_norm_group_quant": 1},
    ),
    Model(
        "mla_norms_token_quant",
        "MLA: norms, per-token quant of q",
        _mla_token_quant,
        _MLA,
        (QUANTISED, NORM, ADDED),
        {**_RELU, "patdsl::mla_dual_rms_norm_token_quant": 1},
    ),
    Model(
        "silu_mul_quant",
        "silu_and_mul op, group quant",
        _silu_mul,
        ((ROWS, 2 * MOE),),
        (QUANTISED,),
        {"patdsl::silu_mul_group_quant": 1},
    ),
    Model(
        "silu_mul_native_quant",
        "silu(gate) * up in torch, group quant",
        _silu_mul_native,
        ((ROWS, 2 * MOE),),
        (QUANTISED,),
        {"patdsl::silu_mul_group_quant": 1},
    ),
    Model(
        "add_norm_pad_router",
        "fused-add norm, padded for experts, router",
        _pad_and_router,
        (*_ADD, (EXPERTS, HIDDEN)),
        (NORM, LOGITS, ADDED),
        {**_RELU, "patdsl::add_rms_norm_pad": 1, "aten::mm": 1},
    ),
)
