"""The ops of `patdsl.reference`, registered as `torch.ops.patdsl.*`.

In: the table below. Out: for each op a functional schema, an implementation and a fake implementation. Defines no
arithmetic. Importing this module registers, once a process, also if it is reloaded.

The implementation is plain torch on every device: registered as CompositeExplicitAutograd, it runs where no kernel
is registered for the device (`runs_on` says which). The kernels of `patdsl/kernels` are registered where torch was
built for GPUs, unless the environment has `PATDSL_KERNELS=0`. No op has a backward: to autograd the results are
constants, which never require a gradient, whatever the arguments do; so a model whose parameters require one compiles
to an inference graph.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import attrs
import torch

from patdsl.reference import in_place, kv_cache_in_place, kv_cache_results, results, unfused
from patdsl.reference.fused import Fused
from patdsl.reference.rows import ROW_OPS
from patdsl.torch_private import has_own_kernel

Function = Callable[..., Any]

ENVIRONMENT = "PATDSL_KERNELS"

_NORM = "Tensor x, Tensor? weight, float epsilon"
_ADD_NORM = "Tensor x, Tensor residual, Tensor? weight, float epsilon"
_NORM_OPTIONS = "int? variance_size=None, bool gemma=False"
_DUAL = "Tensor q, Tensor q_weight, Tensor kv, Tensor kv_weight, float q_epsilon, float kv_epsilon"
_ONE, _TWO, _THREE = "Tensor", "(Tensor, Tensor)", "(Tensor, Tensor, Tensor)"

# name: (parameters, results). The function and its fake are those of that name in `unfused` and `results`.
UNFUSED = {
    "rms_norm": (f"{_NORM}, {_NORM_OPTIONS}", _ONE),
    "fused_add_rms_norm": (f"{_ADD_NORM}, {_NORM_OPTIONS}", _TWO),
    "rms_norm_gated": ("Tensor x, Tensor z, Tensor weight, float epsilon", _ONE),
    "group_quant": (
        "Tensor x, int group_size, bool col_major=False, bool ue8m0=False, bool tma_aligned=False, "
        "ScalarType? quant_dtype=None",
        _TWO,
    ),
    "token_quant": ("Tensor x, ScalarType quant_dtype", _TWO),
    "static_quant": ("Tensor x, Tensor scale, ScalarType? quant_dtype=None", _ONE),
    "mx_quant": ("Tensor x", _TWO),
    "nvfp4_quant": ("Tensor x, Tensor global_scale, bool swizzled", _TWO),
    "silu_and_mul": ("Tensor x", _ONE),
    "gelu_and_mul": ("Tensor x", _ONE),
    "rope": (
        "Tensor positions, Tensor query, Tensor key, int head_size, Tensor cos_sin, bool neox",
        _TWO,
    ),
    "mrope": (
        "Tensor positions, Tensor query, Tensor key, Tensor cos_sin, int head_size, int rotary_dim, "
        "int t, int h, int w, bool interleaved, bool neox",
        _TWO,
    ),
}
# The ops that `rows` makes.
ROWS = {
    name: (", ".join(op.parameters), _ONE if op.results == 1 else f"({', '.join(['Tensor'] * op.results)})")
    for name, op in ROW_OPS.items()
}
# The same as for UNFUSED, for methods of `Fused`.
FUSED = {
    "gated_rms_norm_group_quant": (
        "Tensor x, Tensor weight, Tensor z, float epsilon, int group_size",
        _TWO,
    ),
    "mla_dual_rms_norm": (_DUAL, _TWO),
    "mla_dual_rms_norm_group_quant": (
        f"{_DUAL}, int group_size, bool col_major=False, bool ue8m0=False, bool tma_aligned=False",
        _THREE,
    ),
    "mla_dual_rms_norm_token_quant": (_DUAL, _THREE),
    "rms_norm_pad": (f"{_NORM}, int multiple, {_NORM_OPTIONS}", _ONE),
    "add_rms_norm_pad": (f"{_NORM}, Tensor residual, int multiple, {_NORM_OPTIONS}", _TWO),
    "add_rms_norm_nvfp4_quant": (
        "Tensor x, Tensor residual, Tensor weight, float epsilon, Tensor global_scale, bool swizzled",
        _THREE,
    ),
    "silu_mul_nvfp4_quant": ("Tensor x, Tensor global_scale", _TWO),
    "qk_norm_rope": (
        "Tensor qkv, int heads, int kv_heads, int v_heads, int head_size, float epsilon, Tensor q_weight, "
        "Tensor k_weight, Tensor cos_sin, bool neox, Tensor positions",
        _ONE,
    ),
}
# The same, for `in_place`: they write to their arguments and return nothing. Their fake is its `check_<name>`.
IN_PLACE = {
    "silu_and_mul_out": ("Tensor(a!) out, Tensor x", "()"),
    "rms_norm_group_quant_out": (
        "Tensor(a!) q, Tensor x, Tensor weight, Tensor(b!) scale, float epsilon, int group_size, "
        "bool col_major=False",
        "()",
    ),
    "fused_add_rms_norm_": (
        "Tensor(a!) x, Tensor(b!) residual, Tensor? weight, float epsilon",
        "()",
    ),
}
_CACHES = "Tensor(a!) key_cache, Tensor(b!) value_cache, Tensor slot_mapping, Tensor k_scale, Tensor v_scale"
_LATENT_CACHE = "Tensor(a!) kv_cache, Tensor slot_mapping, Tensor k_scale"
# The same, for `kv_cache_in_place` and `kv_cache_results`: they write to their caches and return the rest.
KV_CACHE = {
    "rope_kv_cache": (
        f"Tensor positions, Tensor query, Tensor key, Tensor value, Tensor cos_sin, bool neox, {_CACHES}",
        _TWO,
    ),
    "kv_cache_write": (f"Tensor key, Tensor value, {_CACHES}", "()"),
    "mla_rope_kv_cache": (
        "Tensor positions, Tensor q_nope, Tensor q_pe, Tensor k_pe, Tensor kv_c, Tensor cos_sin, bool neox, "
        f"{_LATENT_CACHE}",
        _TWO,
    ),
    "mla_rope_pe_kv_cache": (
        f"Tensor positions, Tensor q_pe, Tensor k_pe, Tensor kv_c, Tensor cos_sin, bool neox, {_LATENT_CACHE}",
        _TWO,
    ),
    "mla_kv_cache_write": (f"Tensor kv_c, Tensor k_pe, {_LATENT_CACHE}", "()"),
}


@attrs.frozen
class Op:
    """One registered op. `schema` is torch's; `function` computes, `fake` only allocates (or checks)."""

    name: str
    schema: str
    function: Function
    fake: Function


def _table() -> dict[str, Op]:
    values, shapes = Fused(unfused), Fused(results)
    sources = (
        *((name, row, getattr(unfused, name), getattr(results, name)) for name, row in UNFUSED.items()),
        *(
            (name, row, ROW_OPS[name].function(unfused), ROW_OPS[name].function(results))
            for name, row in ROWS.items()
        ),
        *((name, row, getattr(values, name), getattr(shapes, name)) for name, row in FUSED.items()),
        *(
            (name, row, getattr(in_place, name), getattr(in_place, f"check_{name}"))
            for name, row in IN_PLACE.items()
        ),
        *(
            (name, row, getattr(kv_cache_in_place, name), getattr(kv_cache_results, name))
            for name, row in KV_CACHE.items()
        ),
    )
    return {
        name: Op(name, f"{name}({parameters}) -> {returned}", function, fake)
        for name, (parameters, returned), function, fake in sources
    }


OPS = _table()


def runs_on(name: str, device_type: str) -> str:
    """What `torch.ops.patdsl.<name>` runs for tensors on `cpu` or `cuda`: "kernel" or "reference".

    Raises ValueError for a name that is not registered.
    """
    if name not in OPS:
        raise ValueError(f"patdsl::{name} is not registered; known: {', '.join(OPS)}")
    key = {"cpu": "CPU", "cuda": "CUDA"}.get(device_type)
    if key is None:
        raise ValueError(f"unknown device type {device_type!r}; accepted: 'cpu', 'cuda'")
    return "kernel" if has_own_kernel(f"patdsl::{name}", key) else "reference"


def _without_gradient(function: Function) -> Function:
    """Keeps autograd from recording the plain torch inside the op, which it would do in eager mode only."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with torch.no_grad():
            return function(*args, **kwargs)

    return call


def _register() -> Any:
    """A torch.library.Library with every op; torch does not annotate it."""
    new_library: Any = torch.library.Library
    library = new_library("patdsl", "FRAGMENT")
    for op in OPS.values():
        library.define(op.schema, tags=(torch.Tag.pt2_compliant_tag,))
        library.impl(op.name, _without_gradient(op.function), "CompositeExplicitAutograd")
        library.impl(op.name, torch.library.fallthrough_kernel, "Autograd")
        torch.library.register_fake(f"patdsl::{op.name}", op.fake, lib=library)
    return library


def _wants_kernels() -> bool:
    """Looks at torch's build and not for a GPU: to look is to start the GPU's runtime, which no fork survives."""
    built: bool = torch.backends.cuda.is_built()  # type: ignore[no-untyped-call]
    return built and os.environ.get(ENVIRONMENT) != "0"


# Registrations live as long as the Library does; a reload keeps the module's globals and so the first one.
if "LIBRARY" not in globals():
    LIBRARY = _register()
    if _wants_kernels():
        from patdsl.kernels import bind

        bind.register()
