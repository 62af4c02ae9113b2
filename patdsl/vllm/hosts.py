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


_MAKERS: Mapping[str, Callable[[Any], Any]] = {
    "tp_size": _tp_size,
    "tp_group": _tp_group,
    "rope_kv_max_tokens": _rope_kv_max_tokens,
}


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
