"""What vLLM knows and a graph does not: the host values of `patterns/vllm/`.

In: a `VllmConfig`. Out: a value for each host that a pass declares. Reads the configuration and the layers that are
registered in it; starts nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from patdsl.runtime.uuid import canonical


def host_values(config: Any, declared: frozenset[str]) -> dict[str, Any]:
    """The values of the declared hosts. A host that is not known here keeps its test value."""
    return {name: make(config) for name, make in _MAKERS.items() if name in declared}


def _tp_size(config: Any) -> int:
    return int(config.parallel_config.tensor_parallel_size)


def _tp_group(config: Any) -> str:
    """The name by which a graph's collectives call the tensor-parallel group."""
    state = importlib.import_module("vllm.distributed.parallel_state")
    return str(state.get_tp_group().unique_name) if state.model_parallel_is_initialized() else "tp:0"


def _rope_kv_max_tokens(config: Any) -> int:
    return int(config.compilation_config.pass_config.rope_kvcache_fusion_max_token_num)


class LayerSupport:
    """`supports(layer, what)`: whether a layer's attention implementation has a fused form.

    Where a graph takes its layer as an input, one compiled graph serves several layers: all of them must have it.
    """

    def __init__(self, table: Mapping[str, Mapping[str, bool]]) -> None:
        self.table = {layer: dict(row) for layer, row in table.items()}

    def __call__(self, layer: str | None, what: str) -> bool:
        rows = list(self.table.values()) if layer is None else [self.table.get(layer, {})]
        return bool(rows) and all(row.get(what, False) for row in rows)

    @property
    def uuid(self) -> str:
        return canonical(self.table)


def _all_reduce_kernel(config: Any) -> tuple[int, bool]:
    """The most bytes that the fused all-reduce takes (0: there is none), and whether it can quantise."""
    aiter = importlib.import_module("vllm._aiter_ops").rocm_aiter_ops
    if aiter.is_enabled():
        kernel = aiter.get_aiter_allreduce()
        return (
            (0, False) if kernel is None else (kernel.effective_max_size(), kernel.supports_per_group_quant)
        )
    limit = config.compilation_config.pass_config.flashinfer_max_size(_tp_size(config))
    return limit or 0, bool(limit)


def _ar_max_tokens(config: Any) -> int:
    if config.model_config is None or _tp_size(config) < 2:
        return 0
    token = config.model_config.get_hidden_size() * config.model_config.dtype.itemsize
    return int(min(_all_reduce_kernel(config)[0] // token, config.scheduler_config.max_num_batched_tokens))


def _ar_quant(config: Any) -> bool:
    return _tp_size(config) > 1 and bool(_all_reduce_kernel(config)[1])


def _transformers_backend(config: Any) -> bool:
    return config.model_config is not None and bool(config.model_config.using_transformers_backend())


def _supports(config: Any) -> LayerSupport:
    quant = importlib.import_module("vllm.model_executor.layers.quantization.utils.quant_utils")
    kinds = {
        "quant_fp8_static": (quant.kFp8StaticTensorSym,),
        "quant_nvfp4": (quant.kNvfp4Dynamic,),
        "quant_fp8_group": (quant.kFp8Dynamic128Sym, quant.kFp8Dynamic64Sym),
    }
    table: dict[str, dict[str, bool]] = {}
    for name, layer in config.compilation_config.static_forward_context.items():
        impl = getattr(layer, "impl", None)
        if impl is None:
            continue
        row = {what: _says_yes(impl, question) for what, question in _QUESTIONS.items()}
        for what, keys in kinds.items():
            row[what] = all(_says_yes(impl, "fused_output_quant_supported", key) for key in keys)
        table[name] = row
    return LayerSupport(table)


#: What an attention implementation is asked, by the words of `patterns/vllm/`.
_QUESTIONS = {
    "rope_kvcache": "fused_rope_kvcache_supported",
    "qk_norm_rope_kvcache": "fused_qk_norm_rope_kvcache_supported",
    "qk_norm_mrope_kvcache": "fused_qk_norm_mrope_kvcache_supported",
}


def _says_yes(impl: Any, question: str, *args: Any) -> bool:
    """An implementation that does not know the question has no such kernel."""
    return hasattr(impl, question) and bool(getattr(impl, question)(*args))


_MAKERS: Mapping[str, Callable[[Any], Any]] = {
    "tp_size": _tp_size,
    "tp_group": _tp_group,
    "rope_kv_max_tokens": _rope_kv_max_tokens,
    "ar_max_tokens": _ar_max_tokens,
    "ar_quant": _ar_quant,
    "transformers_backend": _transformers_backend,
    "supports": _supports,
}
