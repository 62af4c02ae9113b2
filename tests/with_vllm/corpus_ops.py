"""The ops of the corpus's graphs as model code calls them, over those of vLLM or `corpus_stand_ins`."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor

import patdsl.register_ops  # noqa: F401

WITH_VLLM = importlib.util.find_spec("vllm") is not None
FP8 = torch.float8_e4m3fn
FP8_MAX = 448.0
GROUP = "tp:0"
OURS: Any = torch.ops.patdsl


def layer(name: str) -> Any:
    """A layer as a graph names it."""
    if not WITH_VLLM:
        return name
    from vllm.utils.torch_utils import _encode_layer_name

    return _encode_layer_name(name)


def norm(x: Tensor, weight: Tensor | None, epsilon: float = 1e-6, **more: Any) -> Tensor:
    return torch.ops.vllm_ir.rms_norm(x, weight, epsilon, **more)


def add_norm(
    x: Tensor, residual: Tensor, weight: Tensor | None, epsilon: float = 1e-6
) -> tuple[Tensor, Tensor]:
    return torch.ops.vllm_ir.fused_add_rms_norm(x, residual, weight, epsilon)


def group(x: Tensor, size: int = 128) -> tuple[Tensor, Tensor]:
    return torch.ops.vllm.rocm_aiter_group_fp8_quant(x, size)


def group_out(
    x: Tensor, size: int = 128, by_columns: bool = False, ue8m0: bool = False
) -> tuple[Tensor, Tensor]:
    q = torch.empty_like(x, dtype=FP8)
    rows, groups = x.shape[0], x.shape[1] // size
    scale = torch.empty(
        *((groups, rows) if by_columns else (rows, groups)), dtype=torch.float32, device=x.device
    )
    scale = scale.t() if by_columns else scale
    torch.ops._C.per_token_group_fp8_quant(
        x, q, scale, size, 1e-10, -FP8_MAX, FP8_MAX, ue8m0, by_columns, False
    )
    return q, scale


def token(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.ops.vllm.rocm_aiter_per_token_quant(x, FP8)


def token_out(x: Tensor) -> tuple[Tensor, Tensor]:
    q = torch.empty_like(x, dtype=FP8)
    scale = torch.empty(*x.shape[:-1], 1, dtype=torch.float32, device=x.device)
    torch.ops._C.dynamic_per_token_scaled_fp8_quant(q, x, scale, None)
    return q, scale


def static(x: Tensor, scale: Tensor, shape: tuple[int, int] | None = (-1, -1)) -> Tensor:
    q = torch.empty_like(x, dtype=FP8)
    torch.ops._C.static_scaled_fp8_quant(q, x, scale, shape)
    return q


def static_aiter(x: Tensor, scale: Tensor) -> Tensor:
    q = torch.empty_like(x, dtype=FP8)
    torch.ops.vllm.rocm_aiter_per_tensor_quant(q, x, scale, False)
    return q


def static_int8(x: Tensor, scale: Tensor) -> Tensor:
    q = torch.empty_like(x, dtype=torch.int8)
    torch.ops._C.static_scaled_int8_quant(q, x, scale, None)
    return q


def silu(x: Tensor) -> Tensor:
    y = torch.empty(*x.shape[:-1], x.shape[-1] // 2, dtype=x.dtype, device=x.device)
    torch.ops._C.silu_and_mul(y, x)
    return y


def all_reduce(x: Tensor, name: str = GROUP) -> Tensor:
    return torch.ops.vllm.all_reduce(x, name)


def rope(
    positions: Tensor, q: Tensor, k: Tensor, size: int, cos_sin: Tensor, neox: bool = True
) -> tuple[Tensor, Tensor]:
    """In place, as in vLLM's models."""
    torch.ops._C.rotary_embedding(positions, q, k, size, cos_sin, neox)
    return q, k


def kv_update(key: Tensor, value: Tensor, name: str) -> Tensor:
    return torch.ops.vllm.unified_kv_cache_update(key, value, layer(name))


def attend(q: Tensor, key: Tensor, value: Tensor, name: str, dep: Tensor | None = None) -> Tensor:
    out = torch.empty(*q.shape[:2], value.shape[-1], dtype=q.dtype, device=q.device)
    torch.ops.vllm.unified_attention_with_output(q, key, value, out, layer(name), kv_cache_dummy_dep=dep)
    return out


def mla_kv_update(kv_c: Tensor, k_pe: Tensor, name: str, scale: Tensor) -> Tensor:
    return torch.ops.vllm.unified_mla_kv_cache_update(kv_c, k_pe, layer(name), "auto", scale)


def mla_attend(
    q: Tensor, kv_c: Tensor, k_pe: Tensor, width: int, name: str, dep: Tensor | None = None
) -> Tensor:
    out = torch.empty(q.shape[0], width, dtype=q.dtype, device=q.device)
    torch.ops.vllm.unified_mla_attention_with_output(q, kv_c, k_pe, out, layer(name), kv_cache_dummy_dep=dep)
    return out
