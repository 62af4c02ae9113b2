"""Where vLLM is not there: ops of its names and schemas that compute on a CPU.

In: nothing. Out: `define()` registers them. They mean what `patdsl.reference` says, so that one text of the corpus
gives the same graphs with vLLM and without, and these can be run. What vLLM keeps with a layer is kept here by the
layer's name, and attention reads it, so that a write that is lost or wrong shows in what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from patdsl import reference
from patdsl.reference.fp8 import fp8_dtype

Function = Callable[..., Any]
_stand_ins: list[tuple[str, Function, bool]] = []
_libraries: list[Any] = []
caches: dict[str, tuple[Tensor, ...]] = {}


def define() -> None:
    """Register every one."""
    for schema, function, writes in _stand_ins:
        namespace, _, rest = schema.partition("::")
        library = torch.library.Library(namespace, "FRAGMENT")
        _libraries.append(library)
        library.define(rest)
        name = rest.partition("(")[0]
        library.impl(name, function, "CompositeExplicitAutograd")
        returns_dep = rest.endswith("-> Tensor") and writes
        fake = _empty if returns_dep else _nothing if writes else function
        torch.library.register_fake(f"{namespace}::{name}", fake, lib=library)


def _nothing(*args: Any, **more: Any) -> None:
    """A fake of what only writes."""


def _empty(*args: Any, **more: Any) -> Tensor:
    """A fake of what writes a cache: the empty tensor that orders it."""
    return next(each for each in args if isinstance(each, Tensor) and each.is_floating_point()).new_empty(0)


def stand_in(schema: str, writes: bool = False) -> Callable[[Function], Function]:
    def add(function: Function) -> Function:
        _stand_ins.append((" ".join(schema.split()), function, writes))
        return function

    return add


# Norms, activations, quantisations


@stand_in("vllm_ir::rms_norm(Tensor x, Tensor? weight, float epsilon, SymInt? variance_size=None) -> Tensor")
def _norm(x, weight, epsilon, size=None):
    return reference.rms_norm(x, weight, epsilon, size)


@stand_in(
    """vllm_ir::fused_add_rms_norm(Tensor x, Tensor x_residual, Tensor? weight, float epsilon,
    SymInt? variance_size=None) -> (Tensor, Tensor)"""
)
def _add_norm(x, residual, weight, epsilon, size=None):
    return reference.fused_add_rms_norm(x, residual, weight, epsilon, size)


@stand_in(
    "vllm::rocm_aiter_group_fp8_quant(Tensor x, SymInt group_size, bool transpose_scale=False) -> (Tensor, Tensor)"
)
def _group(x, size, transposed=False):
    return reference.group_quant(x, size, transposed)


@stand_in(
    """_C::per_token_group_fp8_quant(Tensor input, Tensor(a!) output_q, Tensor(b!) output_s, int group_size, float eps,
    float fp8_min, float fp8_max, bool scale_ue8m0, bool dummy_is_scale_transposed, bool dummy_is_tma_aligned)
    -> ()""",
    writes=True,
)
def _group_out(x, q, scale, size, eps, low, high, ue8m0, by_columns, aligned):
    _write((q, scale), reference.group_quant(x, size, by_columns, ue8m0, aligned))


@stand_in(
    "vllm::rocm_aiter_per_token_quant(Tensor x, ScalarType quant_dtype, Tensor? scale=None) -> (Tensor, Tensor)"
)
def _token(x, dtype, scale=None):
    return reference.token_quant(x, dtype)


@stand_in(
    """_C::dynamic_per_token_scaled_fp8_quant(Tensor(a!) result, Tensor input, Tensor(b!) scale, Tensor? scale_ub)
    -> ()""",
    writes=True,
)
def _token_out(q, x, scale, most):
    _write((q, scale), reference.token_quant(x, fp8_dtype()))


@stand_in(
    "_C::static_scaled_fp8_quant(Tensor(a!) result, Tensor input, Tensor scale, int[]? group_shape=None) -> ()",
    writes=True,
)
def _static(q, x, scale, shape=None):
    if scale.numel() == 1:
        return _write((q,), (reference.static_quant(x, scale),))
    levels = (x.float() / scale).clamp(-448.0, 448.0)
    return _write((q,), (levels.to(q.dtype),))


@stand_in(
    "vllm::rocm_aiter_per_tensor_quant(Tensor(a!) out, Tensor x, Tensor(b!) scale, bool is_dynamic) -> ()",
    writes=True,
)
def _static_aiter(q, x, scale, dynamic):
    _write((q,), (reference.static_quant(x, scale),))


@stand_in(
    "_C::static_scaled_int8_quant(Tensor(a!) result, Tensor input, Tensor scale, Tensor? azp) -> ()",
    writes=True,
)
def _static_int8(q, x, scale, azp):
    _write((q,), (reference.static_quant(x, scale, torch.int8),))


@stand_in("_C::silu_and_mul(Tensor(a!) result, Tensor input) -> ()", writes=True)
def _silu(y, x):
    _write((y,), (reference.silu_and_mul(x),))


@stand_in("_C::gelu_and_mul(Tensor(a!) out, Tensor input) -> ()", writes=True)
def _gelu(y, x):
    _write((y,), (reference.gelu_and_mul(x),))


@stand_in("vllm::rocm_unquantized_gemm(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor")
def _gemm(x, weight, bias=None):
    return torch.nn.functional.linear(x, weight, bias)


# Collectives of one rank


@stand_in("vllm::all_reduce(Tensor tensor, str group_name) -> Tensor")
def _all_reduce(x, name):
    return reference.all_reduce(x, name)


_ADDS = "Tensor input_, Tensor residual, Tensor weight, float epsilon"


@stand_in(f"vllm::rocm_aiter_fused_allreduce_rmsnorm({_ADDS}, bool gemma_norm=False) -> (Tensor, Tensor)")
def _ar_add_norm(x, residual, weight, epsilon, gemma=False):
    return reference.ar_add_rms_norm(x, residual, weight, epsilon, gemma)


@stand_in(
    f"""vllm::rocm_aiter_fused_allreduce_rmsnorm_quant_per_group({_ADDS}, SymInt group_size)
    -> (Tensor, Tensor, Tensor)"""
)
def _ar_add_norm_group(x, residual, weight, epsilon, size):
    return reference.ar_add_rms_norm_group_quant(x, residual, weight, epsilon, size)


@stand_in(
    f"""vllm::rocm_aiter_fused_allreduce_rmsnorm_quant_per_group_with_bf16_norm({_ADDS}, SymInt group_size)
    -> (Tensor, Tensor, Tensor, Tensor)"""
)
def _ar_add_norm_group_norm(x, residual, weight, epsilon, size):
    return reference.ar_add_rms_norm_group_quant_norm(x, residual, weight, epsilon, size)


# Rotary embedding, caches, attention

_ROPE = "Tensor cos_sin_cache, bool is_neox"


@stand_in(
    f"""_C::rotary_embedding(Tensor positions, Tensor(a!) query, Tensor(b!)? key, int head_size, {_ROPE},
    int rope_dim_offset=0, bool inverse=False) -> ()""",
    writes=True,
)
def _rope(positions, query, key, size, cos_sin, neox, offset=0, inverse=False):
    _write((query, key), reference.rope(positions, query, key, size, cos_sin, neox))


@stand_in("vllm::unified_kv_cache_update(Tensor key, Tensor value, str layer_name) -> Tensor", writes=True)
def _kv(key, value, name):
    return _store(name, key, value)


@stand_in(
    """vllm::unified_mla_kv_cache_update(Tensor kv_c_normed, Tensor k_pe, str layer_name, str kv_cache_dtype,
    Tensor k_scale) -> Tensor""",
    writes=True,
)
def _mla_kv(kv_c, k_pe, name, dtype, scale):
    return _store(name, kv_c, k_pe)


@stand_in(
    f"""vllm::fused_rope_and_unified_kv_cache_update(Tensor(a!) query, Tensor(b!) key, Tensor value, Tensor positions,
    {_ROPE}, str layer_name) -> Tensor""",
    writes=True,
)
def _rope_kv(query, key, value, positions, cos_sin, neox, name):
    _rope(positions, query, key, query.shape[-1], cos_sin, neox)
    return _store(name, key, value)


@stand_in(
    f"""vllm::fused_rope_unified_mla_kv_cache_update(Tensor positions, Tensor(a!) q_pe, Tensor(b!) k_pe, Tensor kv_c,
    {_ROPE}, str kv_cache_dtype, Tensor kv_cache_scale, str layer_name) -> Tensor""",
    writes=True,
)
def _mla_rope_kv(positions, q_pe, k_pe, kv_c, cos_sin, neox, dtype, scale, name):
    _rope(positions, q_pe, k_pe.unsqueeze(1), q_pe.shape[-1], cos_sin, neox)
    return _store(name, kv_c, k_pe.unsqueeze(1))


@stand_in(
    f"""_C::fused_qk_norm_rope(Tensor(a!) qkv, int num_heads_q, int num_heads_k, int num_heads_v, int head_dim,
    float eps, Tensor q_weight, Tensor k_weight, {_ROPE}, Tensor position_ids,
    int forced_token_heads_per_warp=-1) -> ()""",
    writes=True,
)
def _qk_norm_rope(
    qkv, heads, kv_heads, v_heads, size, epsilon, q_weight, k_weight, cos_sin, neox, positions, forced=-1
):
    turned = qkv.split([heads * size, kv_heads * size, v_heads * size], -1)[:2]
    for x, weight in zip(turned, (q_weight, k_weight), strict=True):
        x.copy_(reference.rms_norm(x.unflatten(-1, (-1, size)), weight, epsilon).flatten(-2))
    _rope(positions, *turned, size, cos_sin, neox)


@stand_in(
    f"""vllm::fused_qk_norm_rope_and_unified_kv_cache_update(Tensor(a!) q_out, Tensor(b!) k_out, Tensor qkv,
    Tensor positions, Tensor q_weight, Tensor k_weight, float rms_norm_eps, {_ROPE}, str layer_name)
    -> Tensor""",
    writes=True,
)
def _qk_norm_rope_kv(q_out, k_out, qkv, positions, q_weight, k_weight, epsilon, cos_sin, neox, name):
    (_, heads, size), kv_heads = q_out.shape, k_out.shape[1]
    qkv = qkv.clone()
    _qk_norm_rope(qkv, heads, kv_heads, kv_heads, size, epsilon, q_weight, k_weight, cos_sin, neox, positions)
    q, k, v = qkv.unflatten(-1, (-1, size)).split([heads, kv_heads, kv_heads], 1)
    _write((q_out, k_out), (q, k))
    return _store(name, k, v)


@stand_in(
    """vllm::unified_attention_with_output(Tensor query, Tensor key, Tensor value, Tensor(a!) output, str layer_name,
    Tensor? output_scale=None, Tensor(b!)? output_block_scale=None, Tensor? kv_cache_dummy_dep=None) -> ()""",
    writes=True,
)
def _attend(query, key, value, out, name, scale=None, block_scale=None, dep=None):
    held_key, held_value = (each.float() for each in caches[name])
    per = query.shape[1] // held_key.shape[1]
    held_key, held_value = held_key.repeat_interleave(per, 1), held_value.repeat_interleave(per, 1)
    scores = torch.einsum("nad,kad->nak", query.float(), held_key) / query.shape[-1] ** 0.5
    made = torch.einsum("nak,kav->nav", scores.softmax(-1), held_value).to(value.dtype)
    _write((out,), (made if scale is None else reference.static_quant(made, scale),))


@stand_in(
    """vllm::unified_mla_attention_with_output(Tensor q, Tensor kv_c_normed, Tensor k_pe, Tensor(a!) output,
    str layer_name, Tensor? output_scale=None, Tensor(b!)? output_block_scale=None,
    Tensor? kv_cache_dummy_dep=None, SymInt? quant_group_size=None, bool? quant_scale_ue8m0=None,
    bool? quant_col_major=None, bool? quant_tma_aligned=None, Tensor? q_dcp_replicated=None) -> ()""",
    writes=True,
)
def _mla_attend(query, kv_c, k_pe, out, name, scale=None, block_scale=None, dep=None, size=None, ue8m0=None,
                by_columns=None, aligned=None, replicated=None):  # fmt: skip
    latent, turned = (each.float() for each in caches[name])
    held = torch.cat([latent, turned.flatten(1)], -1)[:, : query.shape[-1]]
    scores = torch.einsum("nad,kd->nak", query.float(), held)
    made = torch.einsum("nak,kd->nad", scores.softmax(-1), held).flatten(1)
    made = made.repeat(1, -(-out.shape[1] // made.shape[1]))[:, : out.shape[1]].to(kv_c.dtype)
    if size is not None:
        _write((out, block_scale), reference.group_quant(made, size, by_columns, ue8m0, aligned))
    else:
        _write((out,), (made if scale is None else reference.static_quant(made, scale),))


def _store(name: str, *held: Tensor) -> Tensor:
    caches[name] = tuple(each.clone() for each in held)
    return held[0].new_empty(0)


def _write(buffers: tuple[Tensor, ...], results: tuple[Tensor, ...]) -> None:
    for buffer, result in zip(buffers, results, strict=True):
        buffer.copy_(result)
