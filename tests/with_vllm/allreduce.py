"""vLLM's all-reduce fusions and ours on the same graphs, in one process that takes itself for one of two ranks.

    VLLM_LAB=... PYTHONPATH=... python tests/with_vllm/allreduce.py

vLLM's own tests of them need two GPUs. The graphs are those of its models: a sum over the ranks, a norm with or without
a residual, with the weight as it is or as Gemma has it, a group quantisation, a projection beside it. Prints one JSON
line for each graph, as `beside.py` does. Nothing is run: only the graphs are of interest.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import simplugin  # noqa: F401
import torch
from standins import install
from torch.fx.experimental.proxy_tensor import make_fx

HIDDEN, EPSILON = 256, 1e-6


def main() -> None:
    install()
    config = importlib.import_module("vllm.config")
    importlib.import_module("vllm.distributed.parallel_state")
    whole = config.VllmConfig(
        model_config=config.ModelConfig(dtype=torch.bfloat16),
        compilation_config=config.CompilationConfig(custom_ops=["+rms_norm", "+quant_fp8"]),
    )
    whole.parallel_config.tensor_parallel_size = 2
    fusion = importlib.import_module("vllm.compilation.passes.fusion.allreduce_rms_fusion")
    aiter = importlib.import_module("vllm._aiter_ops").rocm_aiter_ops
    kernel = SimpleNamespace(
        effective_max_size=lambda: 2**30, supports_per_group_quant=True, supports_dynamic_hidden_dim=True
    )
    aiter.get_aiter_allreduce = classmethod(lambda cls: kernel)
    fusion.get_tp_group = lambda: SimpleNamespace(unique_name="tp:0", cpu_group=None)
    fusion.get_tensor_model_parallel_world_size = lambda: 2
    fusion.get_tensor_model_parallel_rank = lambda: 0
    fusion.tensor_model_parallel_all_reduce = all_reduce
    from patdsl.vllm.passes import chain_for

    with config.set_current_vllm_config(whole):
        theirs = fusion.RocmAiterAllReduceFusionPass(whole)
        for name, (model, inputs) in graphs().items():
            graph = traced(model, inputs)
            ours = chain_for(whole, {"passes": "allreduce_rms"})
            for each in ours:
                each.compile_for(1, 1)
            copy = deepcopy(graph)
            ours(copy.graph)
            theirs(graph.graph)
            json.dump(
                {
                    "test": f"allreduce::{name}",
                    "graphs": [
                        {
                            "theirs": {type(theirs).__name__: theirs.matched_count},
                            "ours": dict(+ours.last_counts),
                            "refused": [
                                str(each) for report in ours.report().passes for each in report.refusals
                            ],
                            "error": None,
                        }
                    ],
                    "outcome": "passed",
                },
                sys.stdout,
            )
            print()


def all_reduce(x: torch.Tensor) -> torch.Tensor:
    return torch.ops.vllm.all_reduce(x, "tp:0")


def traced(model: Callable[..., Any], inputs: tuple[torch.Tensor, ...]) -> torch.fx.GraphModule:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.inference_mode():
        return make_fx(model)(*map(mode.from_tensor, inputs))


def graphs() -> dict[str, tuple[Callable[..., Any], tuple[torch.Tensor, ...]]]:
    ir, vllm = torch.ops.vllm_ir, torch.ops.vllm
    x, residual = torch.empty(8, HIDDEN, dtype=torch.bfloat16), torch.empty(8, HIDDEN, dtype=torch.bfloat16)
    weight = torch.empty(HIDDEN, dtype=torch.bfloat16)
    indexer = torch.empty(8, HIDDEN, dtype=torch.bfloat16)

    def gemma(weight: torch.Tensor) -> torch.Tensor:
        return weight.float() + 1.0

    def norm(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        ar = all_reduce(x)
        return ir.rms_norm(ar, weight, EPSILON), ar

    def norm_gemma(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        ar = all_reduce(x)
        return ir.rms_norm(ar, gemma(weight), EPSILON), ar

    def add(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        return ir.fused_add_rms_norm(all_reduce(x), residual, weight, EPSILON)

    def add_gemma(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        return ir.fused_add_rms_norm(all_reduce(x), residual, gemma(weight), EPSILON)

    def add_output_only(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        return ir.fused_add_rms_norm(all_reduce(x), residual, weight, EPSILON)[0]

    def add_gemma_output_only(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        return ir.fused_add_rms_norm(all_reduce(x), residual, gemma(weight), EPSILON)[0]

    def group(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        return vllm.rocm_aiter_group_fp8_quant(ir.rms_norm(all_reduce(x), weight, EPSILON), 128)

    def add_group(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        y, residual = ir.fused_add_rms_norm(all_reduce(x), residual, weight, EPSILON)
        return *vllm.rocm_aiter_group_fp8_quant(y, 128), residual

    def add_group_indexer(x: Any, residual: Any, weight: Any, indexer: Any) -> Any:
        y, residual = ir.fused_add_rms_norm(all_reduce(x), residual, weight, EPSILON)
        return *vllm.rocm_aiter_group_fp8_quant(y, 128), residual, vllm.rocm_unquantized_gemm(y, indexer), y

    models = (norm, norm_gemma, add, add_gemma, add_output_only, add_gemma_output_only)
    inputs = (x, residual, weight, indexer)
    return {model.__name__: (model, inputs) for model in (*models, group, add_group, add_group_indexer)}


if __name__ == "__main__":
    main()
