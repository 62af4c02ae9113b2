"""The kernels as implementations of `torch.ops.patdsl.*` for tensors on GPUs.

In: nothing. Out: registrations for torch's CUDA dispatch key, which AMD builds of torch use too. The schemas, the fake
implementations and the meaning on the CPU are those of `patdsl/register_ops.py`, which calls `register` where torch is
one for GPUs. Builds nothing and looks at no GPU: the first call does.

Importing `patdsl.reference` registers, so no module of the kernels may do that while it is imported itself.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

import torch


@functools.cache
def kernels() -> Mapping[str, Callable[..., Any]]:
    """The ops that have a kernel. Every other op is plain torch on a GPU too, which `register_ops.runs_on` says."""
    from patdsl.kernels import rope_kv_cache, rows

    rotary = (
        rope_kv_cache.rope,
        rope_kv_cache.rope_kv_cache,
        rope_kv_cache.kv_cache_write,
        rope_kv_cache.mla_rope_kv_cache,
        rope_kv_cache.mla_rope_pe_kv_cache,
        rope_kv_cache.mla_kv_cache_write,
    )
    return {**rows.ops(), **{function.__name__: function for function in rotary}}


def register() -> None:
    """Registers every kernel, once a process, also where a switch has kept `register_ops` from it."""
    import patdsl.register_ops  # noqa: F401  the ops themselves must be there, and it may register these

    global LIBRARY
    table = kernels()  # imports, and so waits for other threads, which must not wait for the lock meanwhile
    with _LOCK:
        if LIBRARY is None:
            new_library: Any = torch.library.Library
            library = new_library("patdsl", "IMPL")
            for name, function in table.items():
                library.impl(name, function, "CUDA")
            LIBRARY = library


_LOCK = threading.Lock()
# Registrations live as long as the Library does; a reload keeps the module's globals and so the first one.
if "LIBRARY" not in globals():
    LIBRARY: Any = None
