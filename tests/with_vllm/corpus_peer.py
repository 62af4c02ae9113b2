"""vLLM's own passes on a graph of the corpus.

In: a graph, the family of its shape. Out: the matches of each pass that vLLM has for it, run in vLLM's order behind the
passes that prepare graphs for it there. vLLM takes itself for a ROCm build for gfx950 on one of two ranks.
"""

from __future__ import annotations

import functools
import importlib
import tempfile
from types import SimpleNamespace
from typing import Any

import torch
from torch.fx import Graph

NORMS = ("rocm_aiter_fusion.RocmAiterRMSNormQuantFusionPass", "rms_quant_fusion.RMSNormQuantFusionPass")
ROPES = (
    "qk_norm_rope_kvcache_fusion.QkNormRopeKvCacheFusionPass",
    "rope_kvcache_fusion.RopeKVCacheFusionPass",
)
#: Family -> the passes of vLLM, each with the layers that it asks for.
PASSES = {
    "norm": (("", NORMS),),
    "add_norm": (("", NORMS),),
    "act": (
        (
            "",
            (
                "act_quant_fusion.ActivationQuantFusionPass",
                "rocm_aiter_fusion.RocmAiterSiluMulFp8GroupQuantFusionPass",
            ),
        ),
    ),
    "mla": (("", (*NORMS, "rocm_aiter_fusion.MLADualRMSNormFusionPass")),),
    "qk_norm_rope": (("attention", ("qk_norm_rope_fusion.QKNormRoPEFusionPass",)),),
    "rope_kv": (("attention", ROPES),),
    "mla_rope_kv": (("latent", ("mla_rope_kvcache_cat_fusion.MLARoPEKVCacheCatFusionPass",)),),
    "attn_quant": (
        ("attention", ("attn_quant_fusion.AttnQuantFusionPass",)),
        ("latent", ("mla_attn_quant_fusion.MLAAttnQuantFusionPass",)),
    ),
    "allreduce": (("", ("allreduce_rms_fusion.RocmAiterAllReduceFusionPass",)),),
    "pad": (("", ("rocm_aiter_fusion.RocmAiterTritonAddRMSNormPadFusionPass",)),),
}
PREPARING = (
    "noop_elimination.NoOpEliminationPass",
    "split_coalescing.SplitCoalescingPass",
    "scatter_split_replace.ScatterSplitReplacementPass",
)
HEADS, KV_HEADS, SIZE, LATENT, ROPE = 4, 2, 64, 128, 64


def prepare() -> None:
    """vLLM with stand-ins for what a ROCm machine has; before anything of it is used."""
    importlib.import_module("simplugin")
    importlib.import_module("standins").install()
    importlib.import_module("vllm.distributed.parallel_state")
    importlib.import_module("vllm.model_executor.layers.attention.mla_attention")
    fusion = importlib.import_module("vllm.compilation.passes.fusion.allreduce_rms_fusion")
    aiter = importlib.import_module("vllm._aiter_ops").rocm_aiter_ops
    kernel = SimpleNamespace(
        effective_max_size=lambda: 2**30, supports_per_group_quant=True, supports_dynamic_hidden_dim=True
    )
    aiter.get_aiter_allreduce = classmethod(lambda cls: kernel)
    fusion.get_tp_group = lambda: SimpleNamespace(unique_name="tp:0", cpu_group=None)
    fusion.get_tensor_model_parallel_world_size = lambda: 2
    fusion.get_tensor_model_parallel_rank = lambda: 0
    fusion.tensor_model_parallel_all_reduce = lambda x: torch.ops.vllm.all_reduce(x, "tp:0")
    for family, passes in PASSES.items():
        for layers, _ in passes:
            _config(layers, family == "allreduce")


def their_matches(family: str, graph: Graph) -> dict[str, int]:
    """Raises what vLLM raises."""
    found: dict[str, int] = {}
    set_config = importlib.import_module("vllm.config").set_current_vllm_config
    for layers, names in PASSES[family]:
        config = _config(layers, family == "allreduce")
        with set_config(config):
            for name in PREPARING:
                _class("utility", name)(config)(graph)
            for name in names:
                each = _class("fusion", name)(config)
                each(graph)
                found[type(each).__name__] = each.matched_count
    return found


def _class(folder: str, name: str) -> Any:
    file, _, kind = name.partition(".")
    return getattr(importlib.import_module(f"vllm.compilation.passes.{folder}.{file}"), kind)


@functools.cache
def _config(layers: str, two_ranks: bool) -> Any:
    config = importlib.import_module("vllm.config")
    made = config.VllmConfig(
        model_config=config.ModelConfig(dtype=torch.bfloat16),
        compilation_config=config.CompilationConfig(
            mode=config.CompilationMode.VLLM_COMPILE,
            custom_ops=["+rms_norm", "+quant_fp8", "+silu_and_mul", "+rotary_embedding"],
        ),
    )
    if two_ranks:
        made.parallel_config.tensor_parallel_size = 2
    if layers:
        with config.set_current_vllm_config(made):
            _one_rank()
            for name in ("one", "two"):
                _say_yes(_attention(made, name) if layers == "attention" else _latent_attention(made, name))
    return made


@functools.cache
def _one_rank() -> None:
    state = importlib.import_module("vllm.distributed.parallel_state")
    with tempfile.NamedTemporaryFile(delete=False) as file:
        state.init_distributed_environment(
            world_size=1, rank=0, distributed_init_method=f"file://{file.name}", local_rank=0, backend="gloo"
        )
    state.initialize_model_parallel(1, 1)


def _attention(config: Any, name: str) -> Any:
    kind = importlib.import_module("vllm.model_executor.layers.attention").Attention
    return kind(
        HEADS,
        SIZE,
        SIZE**-0.5,
        num_kv_heads=KV_HEADS,
        cache_config=config.cache_config,
        prefix=name,
        attn_backend=_backend("TRITON_ATTN"),
    )


def _latent_attention(config: Any, name: str) -> Any:
    kind = importlib.import_module("vllm.model_executor.layers.attention").MLAAttention
    linear = importlib.import_module("vllm.model_executor.layers.linear").ColumnParallelLinear
    return kind(
        num_heads=HEADS,
        scale=1.0,
        qk_nope_head_dim=128,
        qk_rope_head_dim=ROPE,
        v_head_dim=128,
        q_lora_rank=256,
        kv_lora_rank=LATENT,
        kv_b_proj=linear(LATENT, HEADS * 256, bias=False, prefix=f"{name}.kv_b_proj"),
        cache_config=config.cache_config,
        prefix=name,
        attn_backend=_backend("TRITON_MLA"),
    )


def _backend(name: str) -> Any:
    return (
        importlib.import_module("vllm.v1.attention.backends.registry").AttentionBackendEnum[name].get_class()
    )


def _say_yes(layer: Any) -> None:
    """Every fused form that this corpus asks for is there."""
    for question in (
        *("fused_rope_kvcache_supported", "fused_qk_norm_rope_kvcache_supported"),
        *("fused_qk_norm_mrope_kvcache_supported", "fused_output_quant_supported"),
    ):
        setattr(layer.impl, question, lambda *args: True)
