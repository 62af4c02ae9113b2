"""The kernels as implementations of `torch.ops.patdsl.*` for tensors on GPUs.

In: nothing. Out: registrations for torch's CUDA dispatch key, which AMD builds of torch use too. The schemas, the fake
implementations and the meaning on the CPU are those of `patdsl/register_ops.py`. Builds nothing: the first call does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from patdsl.kernels import norm_group_quant, rope_kv_cache

#: The ops that have a kernel. Every other op is plain torch on a GPU too, which `register_ops.runs_on` says.
KERNELS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        norm_group_quant.rms_norm_group_quant,
        norm_group_quant.rms_norm_group_quant_keep,
        norm_group_quant.add_rms_norm_group_quant,
        norm_group_quant.add_rms_norm_group_quant_keep,
        norm_group_quant.rms_norm_group_quant_out,
        rope_kv_cache.rope,
        rope_kv_cache.rope_kv_cache,
        rope_kv_cache.kv_cache_write,
        rope_kv_cache.mla_rope_kv_cache,
        rope_kv_cache.mla_rope_pe_kv_cache,
        rope_kv_cache.mla_kv_cache_write,
    )
}


def register() -> None:
    """Registers every kernel, once a process. The ops themselves must be registered."""
    global LIBRARY
    if LIBRARY is None:
        new_library: Any = torch.library.Library
        LIBRARY = new_library("patdsl", "IMPL")
        for name, function in KERNELS.items():
            LIBRARY.impl(name, function, "CUDA")


# Registrations live as long as the Library does; a reload keeps the module's globals and so the first one.
if "LIBRARY" not in globals():
    LIBRARY: Any = None
